# Who is told of what: the platform's own alarms and dashboard, those about what it stands on, the budget and unusual cost.

data "aws_caller_identity" "here" {}

resource "aws_sns_topic" "alarms" {
  name              = "${var.name}-alarms"
  display_name      = var.name
  kms_master_key_id = var.kms_key_arn
}

resource "aws_sns_topic_subscription" "email" {
  for_each = toset(var.alarm_emails)

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.value
}

data "aws_iam_policy_document" "alarms" {
  statement {
    sid       = "AlarmsAndCosts"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "Service"
      identifiers = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com", "costalerts.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.here.account_id]
    }
  }

  statement {
    sid       = "OnlyByTls"
    effect    = "Deny"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alarms.arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_sns_topic_policy" "alarms" {
  arn    = aws_sns_topic.alarms.arn
  policy = data.aws_iam_policy_document.alarms.json
}

# Written by `cargo xtask observability` for CloudFormation, and used as it is.
resource "aws_cloudformation_stack" "platform" {
  #checkov:skip=CKV_AWS_124:whoever applies sees it fail, and nothing changes it between
  name          = "${var.name}-alarms"
  template_body = file("${path.module}/../../../observability/cloudwatch/outcrop.yaml")

  parameters = {
    Environment = var.environment
    Layout      = "services"
    AlarmTopic  = aws_sns_topic.alarms.arn
  }
}
