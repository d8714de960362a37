# A process that the database refuses asks Secrets Manager for the password by itself and goes on. After each rotation all
# that use it are started anew besides, one service after the other: so it is seen at once, and not at some later start,
# that the new password works. The event comes by CloudTrail, which must write down management events; in a second region
# it is the first one's, which modules/security passes on: the secret there is a replica under the same name.

locals {
  restarted = ["auth", "inference", "job-worker"]
}

data "aws_iam_policy_document" "restart_trust" {
  for_each = { machine = "states.amazonaws.com", rule = "events.amazonaws.com" }

  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = [each.value]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.here.account_id]
    }
  }
}

data "aws_iam_policy_document" "restart" {
  #checkov:skip=CKV_AWS_111:delivery of logs and traces knows no resources
  #checkov:skip=CKV_AWS_356:delivery of logs and traces knows no resources
  statement {
    sid       = "Restart"
    actions   = ["ecs:UpdateService"]
    resources = [for name in local.restarted : "arn:${data.aws_partition.here.partition}:ecs:${local.region}:${data.aws_caller_identity.here.account_id}:service/${var.name}/${name}"]
  }

  # https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html
  statement {
    sid = "Log"
    actions = [
      "logs:CreateLogDelivery", "logs:DeleteLogDelivery", "logs:DescribeLogGroups", "logs:DescribeResourcePolicies",
      "logs:GetLogDelivery", "logs:ListLogDeliveries", "logs:PutResourcePolicy", "logs:UpdateLogDelivery",
      "xray:PutTelemetryRecords", "xray:PutTraceSegments",
    ]
    resources = ["*"]
  }
}

resource "aws_iam_role" "restart" {
  name               = "${var.name}-${local.region}-restart"
  assume_role_policy = data.aws_iam_policy_document.restart_trust["machine"].json
}

resource "aws_iam_role_policy" "restart" {
  name   = "restart"
  role   = aws_iam_role.restart.id
  policy = data.aws_iam_policy_document.restart.json
}

resource "aws_cloudwatch_log_group" "restart" {
  name              = "/aws/vendedlogs/states/${var.name}-restart"
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_sfn_state_machine" "restart" {
  name     = "${var.name}-restart"
  role_arn = aws_iam_role.restart.arn

  definition = jsonencode({
    Comment       = "Starts all services anew that have read a secret which changed"
    QueryLanguage = "JSONata"
    StartAt       = "Copied"
    States = {
      # The replicas of secret and database follow within seconds.
      Copied = { Type = "Wait", Seconds = 60, Next = "Each" }
      Each = {
        Type           = "Map"
        Items          = local.restarted
        QueryLanguage  = "JSONata"
        MaxConcurrency = 1
        End            = true
        ItemProcessor = {
          StartAt = "Restart"
          States = {
            Restart = {
              Type     = "Task"
              Resource = "arn:${data.aws_partition.here.partition}:states:::aws-sdk:ecs:updateService"
              Arguments = {
                Cluster            = aws_ecs_cluster.this.name
                Service            = "{% $states.input %}"
                ForceNewDeployment = true
              }
              Output = "{% $states.result.Service.ServiceName %}"
              Retry  = [{ ErrorEquals = ["States.ALL"], IntervalSeconds = 15, MaxAttempts = 5, BackoffRate = 2 }]
              End    = true
            }
          }
        }
      }
    }
  })

  logging_configuration {
    level                  = "ALL"
    include_execution_data = true
    log_destination        = "${aws_cloudwatch_log_group.restart.arn}:*"
  }

  tracing_configuration {
    enabled = true
  }

  depends_on = [aws_iam_role_policy.restart]
}

resource "aws_cloudwatch_event_rule" "rotated" {
  name        = "${var.name}-rotated"
  description = "The database's password was changed"

  event_pattern = jsonencode({
    source        = ["aws.secretsmanager"]
    "detail-type" = ["AWS Service Event via CloudTrail"]
    detail = {
      eventName           = ["RotationSucceeded"]
      additionalEventData = { SecretId = [{ wildcard = "arn:${data.aws_partition.here.partition}:secretsmanager:*:${data.aws_caller_identity.here.account_id}:secret:outcrop/${var.environment}/database-*" }] }
    }
  })
}

data "aws_iam_policy_document" "rotated" {
  statement {
    actions   = ["states:StartExecution"]
    resources = [aws_sfn_state_machine.restart.arn]
  }
}

resource "aws_iam_role" "rotated" {
  name               = "${var.name}-${local.region}-rotated"
  assume_role_policy = data.aws_iam_policy_document.restart_trust["rule"].json
}

resource "aws_iam_role_policy" "rotated" {
  name   = "restart"
  role   = aws_iam_role.rotated.id
  policy = data.aws_iam_policy_document.rotated.json
}

resource "aws_cloudwatch_event_target" "rotated" {
  rule     = aws_cloudwatch_event_rule.rotated.name
  arn      = aws_sfn_state_machine.restart.arn
  role_arn = aws_iam_role.rotated.arn
}
