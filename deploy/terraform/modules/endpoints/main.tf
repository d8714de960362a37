# Ways to AWS that do not leave its network. Each lets in callers of this account alone.

data "aws_caller_identity" "here" {}

data "aws_partition" "here" {}

data "aws_region" "here" {}

locals {
  services = toset([
    "bedrock",
    "bedrock-runtime",
    "ecr.api",
    "ecr.dkr",
    "elasticfilesystem",
    "kms",
    "logs",
    "monitoring",
    "secretsmanager",
    "sqs",
    "sts",
    "xray",
  ])
}

data "aws_iam_policy_document" "own_account" {
  #checkov:skip=CKV_AWS_49:an endpoint's policy narrows what roles allow, and the condition names the account
  #checkov:skip=CKV_AWS_1:an endpoint's policy narrows what roles allow, and the condition names the account
  #checkov:skip=CKV_AWS_356:an endpoint's policy narrows what roles allow, and roles name their resources
  #checkov:skip=CKV_AWS_109:an endpoint's policy narrows what roles allow
  #checkov:skip=CKV_AWS_111:an endpoint's policy narrows what roles allow
  #checkov:skip=CKV_AWS_283:the condition names the account
  statement {
    sid       = "OwnAccount"
    actions   = ["*"]
    resources = ["*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:PrincipalAccount"
      values   = [data.aws_caller_identity.here.account_id]
    }
  }
}

# Layers of images lie in a bucket of ECR, and are read with addresses that ECR has signed.
data "aws_iam_policy_document" "s3" {
  #checkov:skip=CKV_AWS_356:see own_account
  #checkov:skip=CKV_AWS_109:see own_account
  #checkov:skip=CKV_AWS_111:see own_account
  #checkov:skip=CKV_AWS_283:the bucket is of AWS, the rest is conditional
  source_policy_documents = [data.aws_iam_policy_document.own_account.json]

  statement {
    sid       = "ImageLayers"
    actions   = ["s3:GetObject"]
    resources = ["arn:${data.aws_partition.here.partition}:s3:::prod-${data.aws_region.here.region}-starport-layer-bucket/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }
  }
}

resource "aws_vpc_endpoint" "interface" {
  for_each = var.interfaces ? local.services : toset([])

  vpc_id              = var.vpc_id
  service_name        = "com.amazonaws.${data.aws_region.here.region}.${each.value}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = var.subnet_ids
  security_group_ids  = [var.security_group_id]
  private_dns_enabled = true
  policy              = data.aws_iam_policy_document.own_account.json

  tags = { Name = "${var.name}-${each.value}" }
}

resource "aws_vpc_endpoint" "s3" {
  vpc_id            = var.vpc_id
  service_name      = "com.amazonaws.${data.aws_region.here.region}.s3"
  vpc_endpoint_type = "Gateway"
  route_table_ids   = var.route_table_ids
  policy            = data.aws_iam_policy_document.s3.json

  tags = { Name = "${var.name}-s3" }
}
