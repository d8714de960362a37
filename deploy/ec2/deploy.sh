#!/usr/bin/env bash
# Brings a release onto the instances: the stack, then an instance refresh, which ends with the first new instances that do not get
# healthy, while the old ones still answer. Then the stack gets its archive and parameters of before again, and the instances with it, and
# this fails. Run it with an older archive to go back later. The foundation is there, with Layout=process.
#
#   deploy/ec2/deploy.sh ENVIRONMENT ARCHIVE BUCKET REGION[,REGION…] [NAME=VALUE…]
#   deploy/ec2/deploy.sh dev outcrop-0.1.0-arm64.tar.gz example-releases eu-central-1,eu-west-1
#
# ARCHIVE is a .tar.gz of `outcrop`, built for arm64, and `outcrop.service`. It is put below outcrop/ in the bucket, under its digest.
# NAME=VALUE are further parameters of platform.yaml.
set -euo pipefail

if [ $# -lt 4 ]; then
  sed -n '2,10p' "$0" >&2
  exit 2
fi
environment=$1 archive=$2 bucket=$3 regions=$4
shift 4
foundation="outcrop-$environment"

digest=$(sha256sum "$archive" | cut -d ' ' -f 1)
key="outcrop/$digest.tar.gz"
aws s3 cp --no-progress "$archive" "s3://$bucket/$key"

output() {
  aws cloudformation describe-stacks --stack-name "$foundation" --output text --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue"
}
# The stack as it is now, a NAME=VALUE in each line; nothing the first time.
mapfile -t before < <(aws cloudformation describe-stacks --stack-name "$foundation-platform" --output text \
  --query "Stacks[0].Parameters[].[join('=', [ParameterKey, ParameterValue])]" 2> /dev/null)

platform() {
  aws cloudformation deploy --stack-name "$foundation-platform" --template-file "$(dirname "$0")/platform.yaml" --no-fail-on-empty-changeset \
    --capabilities CAPABILITY_IAM --tags "environment=$foundation" --parameter-overrides "$@"
}

# Whether all instances are what the stack says now.
refreshed() {
  local refresh status
  refresh=$(aws autoscaling start-instance-refresh --auto-scaling-group-name "$foundation" \
    --preferences '{"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150, "SkipMatching": true}' \
    --query InstanceRefreshId --output text) || return
  while true; do
    status=$(aws autoscaling describe-instance-refreshes --auto-scaling-group-name "$foundation" --instance-refresh-ids "$refresh" \
      --query 'InstanceRefreshes[0].Status' --output text) || return
    case $status in
      Successful) return 0 ;;
      Pending | InProgress | Baking) sleep 15 ;;
      *)
        echo "the instance refresh ended as $status" >&2
        return 1
        ;;
    esac
  done
}

platform "Environment=$environment" "Foundation=$foundation" "VpcId=$(output VpcId)" "Subnets=$(output PrivateSubnets)" \
  "ModelRegions=$regions" "ReleaseBucket=$bucket" "ReleaseKey=$key" "ReleaseSha256=$digest" "$@"
aws cloudformation deploy --stack-name "$foundation-platform-restart" --template-file "$(dirname "$0")/restart.yaml" --no-fail-on-empty-changeset \
  --capabilities CAPABILITY_IAM --tags "environment=$foundation" --parameter-overrides "Environment=$environment"
if refreshed; then exit 0; fi

# Every instance that comes from now on, by scaling or after a rotation, would be of the version that does not get healthy.
if [ ${#before[@]} -gt 0 ]; then
  echo "going back to what the stack had before" >&2
  platform "${before[@]}"
  refreshed
fi
exit 1
