#!/usr/bin/env bash
# Brings a version onto ECS: task definitions, then migrations, then services. Run it from the top of the checkout, with the AWS command
# line and credentials at hand; the foundation (deploy/cloudformation) is there already.
#
#   deploy/ecs/deploy.sh ENVIRONMENT VERSION REGISTRY REGION[,REGION…] [NAME=VALUE…]
#   deploy/ecs/deploy.sh dev 0.1.0 123456789012.dkr.ecr.eu-central-1.amazonaws.com eu-central-1,eu-west-1 Strategy=CANARY
#
# NAME=VALUE are parameters of tasks.yaml and services.yaml. Those that are not given stay as they are in the stack, but for Strategy,
# BakeMinutes and RollBackOnAlarm: they are of this one deployment, and what services.yaml says where they are not given.
set -euo pipefail

if [ $# -lt 4 ]; then
  sed -n '2,9p' "$0" >&2
  exit 2
fi
environment=$1 version=$2 registry=$3 regions=$4
shift 4
foundation="outcrop-$environment"
folder=$(dirname "$0")

# Parameters go to the templates that have them.
chosen() {
  local template=$1 given
  shift
  for given in "$@"; do
    if grep -q "^  ${given%%=*}:" "$template"; then printf '%s\n' "$given"; fi
  done
}

deploy() {
  local name=$1 template=$2
  shift 2
  aws cloudformation deploy --stack-name "$foundation-$name" --template-file "$template" --no-fail-on-empty-changeset \
    --capabilities CAPABILITY_IAM --tags "environment=$foundation" \
    --parameter-overrides "Environment=$environment" "Foundation=$foundation" "$@"
}

output() {
  aws cloudformation describe-stacks --stack-name "$1" --output text --query "Stacks[0].Outputs[?OutputKey=='$2'].OutputValue"
}

# Of this one deployment, and as services.yaml has them where nothing else is given: CloudFormation would take what the one before was told.
once=(Strategy=BLUE_GREEN BakeMinutes=10 RollBackOnAlarm=true)

# ROLLING knows the set Blue alone, and leaves the listener's rule as it is: clients who are on Green would be left with nobody there.
if [[ " $* " == *" Strategy=ROLLING "* ]]; then
  weight=$(aws elbv2 describe-rules --rule-arns "$(output "$foundation" Production)" --output text \
    --query "Rules[0].Actions[0].ForwardConfig.TargetGroups[?TargetGroupArn=='$(output "$foundation" Green)'].Weight")
  if [ "$weight" != 0 ]; then
    echo "clients are on the set Green (weight: $weight): deploy with Strategy=BLUE_GREEN once more, then they are on Blue" >&2
    exit 1
  fi
fi

deploy cluster "$folder/cluster.yaml"
cluster="$foundation-cluster"

# The collector's configuration; its tasks read it at their start.
aws ssm put-parameter --name "/outcrop/$environment/collector" --type String --tier Advanced --overwrite \
  --value "file://$folder/../observability/collector/aws.yaml" > /dev/null

mapfile -t more < <(chosen "$folder/tasks.yaml" "$@")
deploy tasks "$folder/tasks.yaml" "Cluster=$cluster" "Registry=$registry" "Version=$version" "ModelRegions=$regions" "${more[@]}"

# Migrations only add what the version that still runs can live with (docs/upgrading.md), so that both may stand beside each other.
subnets=$(output "$foundation" PrivateSubnets)
group=$(output "$foundation" ServicesSecurityGroup)
task=$(aws ecs run-task --cluster "$foundation" --launch-type FARGATE --task-definition "$(output "$foundation-tasks" Migrate)" \
  --network-configuration "awsvpcConfiguration={subnets=[$subnets],securityGroups=[$group],assignPublicIp=DISABLED}" \
  --query 'tasks[0].taskArn' --output text)
aws ecs wait tasks-stopped --cluster "$foundation" --tasks "$task"
code=$(aws ecs describe-tasks --cluster "$foundation" --tasks "$task" --query 'tasks[0].containers[0].exitCode' --output text)
if [ "$code" != 0 ]; then
  echo "the migration ended with $code; see the log group /outcrop/$environment/services, streams migrate/" >&2
  exit 1
fi

mapfile -t more < <(chosen "$folder/services.yaml" "$@")
deploy services "$folder/services.yaml" "Cluster=$cluster" "Subnets=$subnets" \
  "GatewayTask=$(output "$foundation-tasks" Gateway)" "AuthTask=$(output "$foundation-tasks" Auth)" \
  "InferenceTask=$(output "$foundation-tasks" Inference)" "JobWorkerTask=$(output "$foundation-tasks" JobWorker)" "${once[@]}" "${more[@]}"
deploy watch "$folder/watch.yaml" "Cluster=$cluster"
deploy restart "$folder/restart.yaml" "Cluster=$cluster"
