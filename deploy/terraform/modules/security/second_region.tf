# A rotation is an event of the region where it happens: the second, whose processes read a replica of the secret, is told of
# it, so that they are restarted too (modules/ecs/restart.tf).

locals {
  told = var.replica_region == "" ? toset([]) : toset([var.replica_region])
}

resource "aws_cloudwatch_event_rule" "rotated" {
  for_each = local.told

  name        = "${var.name}-rotated-elsewhere"
  description = "To the second region: the database's password was changed"

  event_pattern = jsonencode({
    source        = ["aws.secretsmanager"]
    "detail-type" = ["AWS Service Event via CloudTrail"]
    detail = {
      eventName           = ["RotationSucceeded"]
      additionalEventData = { SecretId = [aws_secretsmanager_secret.this["database-password"].arn] }
    }
  })
}

data "aws_iam_policy_document" "telling_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

data "aws_iam_policy_document" "telling" {
  for_each = local.told

  statement {
    actions   = ["events:PutEvents"]
    resources = ["arn:${data.aws_partition.here.partition}:events:${each.key}:${local.account}:event-bus/default"]
  }
}

resource "aws_iam_role" "telling" {
  for_each = local.told

  name               = "${var.name}-${data.aws_region.here.region}-tells-second"
  assume_role_policy = data.aws_iam_policy_document.telling_trust.json
}

resource "aws_iam_role_policy" "telling" {
  for_each = local.told

  name   = "tell"
  role   = aws_iam_role.telling[each.key].id
  policy = data.aws_iam_policy_document.telling[each.key].json
}

resource "aws_cloudwatch_event_target" "second_region" {
  for_each = local.told

  rule     = aws_cloudwatch_event_rule.rotated[each.key].name
  arn      = "arn:${data.aws_partition.here.partition}:events:${each.key}:${local.account}:event-bus/default"
  role_arn = aws_iam_role.telling[each.key].arn
}
