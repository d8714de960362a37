# Roles of ECS itself: to start tasks, and to move clients between two versions. What the services may do is modules/iam.

data "aws_iam_policy_document" "execution_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs-tasks.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.here.account_id]
    }
  }
}

data "aws_iam_policy_document" "execution" {
  #checkov:skip=CKV_AWS_356:ecr:GetAuthorizationToken knows no resources
  statement {
    sid       = "LogInToRegistry"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }

  statement {
    sid       = "PullImages"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [for it in ["outcrop", "ecr-public"] : "arn:${data.aws_partition.here.partition}:ecr:${local.region}:${data.aws_caller_identity.here.account_id}:repository/${it}/*"]
  }

  # The first pull through a cache makes the repository and takes the image in.
  dynamic "statement" {
    for_each = compact([var.collector_image])

    content {
      sid       = "PullThrough"
      actions   = ["ecr:BatchImportUpstreamImage", "ecr:CreateRepository"]
      resources = ["arn:${data.aws_partition.here.partition}:ecr:${local.region}:${data.aws_caller_identity.here.account_id}:repository/ecr-public/*"]
    }
  }

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [for it in aws_cloudwatch_log_group.service : "${it.arn}:*"]
  }

  dynamic "statement" {
    for_each = compact([var.answers_url_secret_arn])

    content {
      sid       = "ReadAddressOfAnswers"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [statement.value]
    }
  }

  statement {
    sid       = "UseKey"
    actions   = ["kms:Decrypt"]
    resources = [var.kms_key_arn]
  }
}

resource "aws_iam_role" "execution" {
  name               = "${var.name}-${local.region}-ecs-execution"
  assume_role_policy = data.aws_iam_policy_document.execution_trust.json
}

resource "aws_iam_role_policy" "execution" {
  name   = "start-tasks"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}

# AWS' own example of this trust has no condition, and does not say whether ECS tells for whom it comes: so what it tells
# must be right, and a role that only this account can hand to ECS bears its silence.
data "aws_iam_policy_document" "traffic_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["ecs.amazonaws.com"]
    }

    condition {
      test     = "StringEqualsIfExists"
      variable = "aws:SourceAccount"
      values   = [data.aws_caller_identity.here.account_id]
    }

    condition {
      test     = "ArnLikeIfExists"
      variable = "aws:SourceArn"
      values   = ["arn:${data.aws_partition.here.partition}:ecs:${local.region}:${data.aws_caller_identity.here.account_id}:*"]
    }
  }
}

resource "aws_iam_role" "traffic" {
  name               = "${var.name}-${local.region}-ecs-traffic"
  assume_role_policy = data.aws_iam_policy_document.traffic_trust.json
}

resource "aws_iam_role_policy_attachment" "traffic" {
  role       = aws_iam_role.traffic.name
  policy_arn = "arn:${data.aws_partition.here.partition}:iam::aws:policy/AmazonECSInfrastructureRolePolicyForLoadBalancers"
}
