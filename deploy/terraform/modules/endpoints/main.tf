# Ways to AWS that do not leave its network. Each lets in callers of this account, and besides them who must come in: roles
# of other accounts at Bedrock (`models.accounts`), and whoever logs in by his AWS identity at STS (the auth service hands on
# a question that he signed).

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

data "aws_iam_policy_document" "bedrock" {
  #checkov:skip=CKV_AWS_356:see own_account
  #checkov:skip=CKV_AWS_109:see own_account
  #checkov:skip=CKV_AWS_111:see own_account
  #checkov:skip=CKV_AWS_283:the conditions name the account and roles
  source_policy_documents = [data.aws_iam_policy_document.own_account.json]

  dynamic "statement" {
    for_each = length(var.account_role_arns) > 0 ? ["RolesOfOtherAccounts"] : []

    content {
      sid       = statement.value
      actions   = ["bedrock:*"]
      resources = ["*"]

      principals {
        type        = "*"
        identifiers = ["*"]
      }

      condition {
        test     = "ArnEquals"
        variable = "aws:PrincipalArn"
        values   = var.account_role_arns
      }
    }
  }
}

# A login: the question is the caller's, signed with his own credentials of whichever account. Pods get their roles (IRSA)
# by a token, before they have credentials of any account.
data "aws_iam_policy_document" "sts" {
  #checkov:skip=CKV_AWS_356:see own_account
  #checkov:skip=CKV_AWS_109:see own_account
  #checkov:skip=CKV_AWS_111:see own_account
  #checkov:skip=CKV_AWS_283:who asks who he is may be anybody; roles are of this account, and say themselves who takes them
  source_policy_documents = [data.aws_iam_policy_document.own_account.json]

  statement {
    sid       = "WhoLogsIn"
    actions   = ["sts:GetCallerIdentity"]
    resources = ["*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }
  }

  statement {
    sid       = "RolesByToken"
    actions   = ["sts:AssumeRoleWithWebIdentity"]
    resources = ["arn:${data.aws_partition.here.partition}:iam::${data.aws_caller_identity.here.account_id}:role/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }
  }
}

# Layers of images lie in a bucket of AWS, pictures that clients link in buckets of anybody: what is public or signed by its
# owner is read without our name.
data "aws_iam_policy_document" "s3" {
  #checkov:skip=CKV_AWS_356:see own_account
  #checkov:skip=CKV_AWS_109:see own_account
  #checkov:skip=CKV_AWS_111:see own_account
  #checkov:skip=CKV_AWS_283:it opens no bucket: each says itself who may read
  #checkov:skip=CKV_AWS_108:it opens no bucket, and nobody else's can be written to
  source_policy_documents = [data.aws_iam_policy_document.own_account.json]

  statement {
    sid       = "Reading"
    actions   = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = ["*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }
  }
}

locals {
  policies = {
    "bedrock"         = data.aws_iam_policy_document.bedrock.json
    "bedrock-runtime" = data.aws_iam_policy_document.bedrock.json
    "sts"             = data.aws_iam_policy_document.sts.json
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
  policy              = lookup(local.policies, each.value, data.aws_iam_policy_document.own_account.json)

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
