# The role that Bedrock takes to read and write the records of batch inference.

data "aws_iam_policy_document" "batch_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["bedrock.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }

    condition {
      test     = "ArnLike"
      variable = "aws:SourceArn"
      values   = local.batch_jobs
    }
  }
}

resource "aws_iam_role" "batch" {
  count = var.bedrock_batch ? 1 : 0

  name               = "${var.name}-${data.aws_region.here.region}-bedrock-batch"
  description        = "Outcrop: bedrock-batch"
  assume_role_policy = data.aws_iam_policy_document.batch_trust.json
}

resource "aws_iam_role_policy" "batch" {
  count = var.bedrock_batch ? 1 : 0

  name = "outcrop"
  role = aws_iam_role.batch[0].id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.statements["bedrock-batch"]
  })
}
