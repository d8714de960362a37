#!/usr/bin/env bash
# Brings a version to stacks of deploy/ecs that are there already; their settings stay, only versions change.
#
#   deploy-ecs.sh movable   fails where a tag of the registry may be given to another image: tasks are started by their tag
#   deploy-ecs.sh before    prints the version that runs
#   deploy-ecs.sh all       everything is VERSION; the gateway comes in by STRATEGY, and the old set stays for BAKE minutes
#   deploy-ecs.sh back      the services run BEFORE again; with STATUS=cancelled nobody waits until CloudFormation is through
#
# TARGET (dev), VERSION (1.2.3), BEFORE (1.2.2), ECR_REGISTRY, MODEL_REGIONS, STRATEGY, BAKE.
set -euo pipefail

services="outcrop-$TARGET-services"
deploy="$(dirname "$0")/../../deploy/ecs/deploy.sh"

status() {
  aws cloudformation describe-stacks --stack-name "$services" --output text --query "Stacks[0].StackStatus"
}

# By what gateways are started from. The stack of task definitions is ahead of them where a deployment broke off.
running() {
  local task image
  task=$(aws cloudformation describe-stacks --stack-name "$services" --output text \
    --query "Stacks[0].Parameters[?ParameterKey=='GatewayTask'].ParameterValue")
  image=$(aws ecs describe-task-definition --task-definition "$task" --output text \
    --query "taskDefinition.containerDefinitions[?name=='gateway'].image")
  echo "${image##*:}"
}

case $1 in
  movable)
    # 123456789012.dkr.ecr.eu-central-1.amazonaws.com
    IFS=. read -r account _ _ region _ <<<"$ECR_REGISTRY"
    movable=$(aws ecr describe-repositories --registry-id "$account" --region "$region" --output text \
      --repository-names outcrop/gateway outcrop/auth outcrop/inference outcrop/job-worker outcrop/outcrop \
      --query "repositories[?imageTagMutability!='IMMUTABLE'].repositoryName")
    [[ -z $movable ]] || { echo "tags may be given to other images: $movable. Make them IMMUTABLE" >&2; exit 1; }
    ;;
  before)
    now=$(status)
    [[ $now != *_IN_PROGRESS ]] || { echo "$services is $now: a deployment is still under way" >&2; exit 1; }
    running
    ;;
  all)
    "$deploy" "$TARGET" "$VERSION" "$ECR_REGISTRY" "$MODEL_REGIONS" "Strategy=$STRATEGY" "BakeMinutes=$BAKE"
    ;;
  back)
    # A command that was killed leaves AWS at work, and CloudFormation takes no other order then but to undo it.
    case $(status) in
      UPDATE_IN_PROGRESS) aws cloudformation cancel-update-stack --stack-name "$services" ;;
      *_FAILED) echo "$services is stuck: aws cloudformation continue-update-rollback, then deploy $BEFORE by hand" >&2; exit 1 ;;
      UPDATE_ROLLBACK_IN_PROGRESS | UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS) ;;
      *)
        if [[ $(running) == "$BEFORE" ]]; then
          echo "the services run $BEFORE: nothing is to be done"
        else
          # All clients at once, and not by ROLLING: they may be on the set Green. An alarm of what was bad must not stop it.
          "$deploy" "$TARGET" "$BEFORE" "$ECR_REGISTRY" "$MODEL_REGIONS" Strategy=BLUE_GREEN BakeMinutes=1 RollBackOnAlarm=false
        fi
        exit 0
        ;;
    esac
    [[ ${STATUS:-} == cancelled ]] || aws cloudformation wait stack-rollback-complete --stack-name "$services"
    ;;
  *)
    echo "what is $1? movable, before, all or back" >&2
    exit 1
    ;;
esac
