#!/usr/bin/env bash
# Brings a release onto the instances: the stack, then an instance refresh, which ends with the first new instances that do not get
# healthy, while the old ones still answer; run it with the archive of before to go back. The foundation is there, with Layout=process.
#
#   deploy/ec2/deploy.sh ENVIRONMENT ARCHIVE BUCKET REGION[,REGION…] [NAME=VALUE…]
#   deploy/ec2/deploy.sh dev outcrop-0.1.0-arm64.tar.gz example-releases eu-central-1,eu-west-1
#
# ARCHIVE is a .tar.gz of `outcrop`, built for arm64, and `outcrop.service`. It is put below outcrop/ in the bucket, under its digest.
# NAME=VALUE are further parameters of platform.yaml.
set -euo pipefail

if [ $# -lt 4 ]; then
  sed -n '2,9p' "$0" >&2
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
aws cloudformation deploy --stack-name "$foundation-platform" --template-file "$(dirname "$0")/platform.yaml" --no-fail-on-empty-changeset \
  --capabilities CAPABILITY_IAM --tags "environment=$foundation" --parameter-overrides "Environment=$environment" \
  "Foundation=$foundation" "VpcId=$(output VpcId)" "Subnets=$(output PrivateSubnets)" "ModelRegions=$regions" \
  "ReleaseBucket=$bucket" "ReleaseKey=$key" "ReleaseSha256=$digest" "$@"
aws cloudformation deploy --stack-name "$foundation-platform-restart" --template-file "$(dirname "$0")/restart.yaml" --no-fail-on-empty-changeset \
  --capabilities CAPABILITY_IAM --tags "environment=$foundation" --parameter-overrides "Environment=$environment"

refresh=$(aws autoscaling start-instance-refresh --auto-scaling-group-name "$foundation" \
  --preferences '{"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150, "SkipMatching": true}' \
  --query InstanceRefreshId --output text)
while true; do
  status=$(aws autoscaling describe-instance-refreshes --auto-scaling-group-name "$foundation" --instance-refresh-ids "$refresh" \
    --query 'InstanceRefreshes[0].Status' --output text)
  case $status in
    Successful) exit 0 ;;
    Pending | InProgress | Baking) sleep 15 ;;
    *)
      echo "the instance refresh ended as $status" >&2
      exit 1
      ;;
  esac
done
