# A role for each service, with the permissions that deploy/iam/policies.json gives it, read from there: they cannot
# differ. What that file calls optional is left out where nothing needs it.

data "aws_caller_identity" "here" {}

data "aws_partition" "here" {}

data "aws_region" "here" {}

locals {
  source  = jsondecode(file("${path.module}/../../../iam/policies.json"))
  account = data.aws_caller_identity.here.account_id
  aws     = "arn:${data.aws_partition.here.partition}"
  bedrock = [for region in var.bedrock_regions : "${local.aws}:bedrock:${region}"]

  # Apart from the rest, because the batch role, which is among the rest, names them too.
  batch_jobs = [for it in local.bedrock : "${it}:${local.account}:model-invocation-job/*"]

  # What the names of resources in that file stand for here.
  resources = {
    models = flatten([for it in local.bedrock : [for model in var.models : "${it}::foundation-model/${model}"]])
    profiles = flatten([for it in local.bedrock : [for profile in var.profiles : [
      "${it}:${local.account}:inference-profile/${profile}",
      "${it}:${local.account}:application-inference-profile/${profile}",
    ]]])
    guardrails          = var.guardrail_arns
    "account-roles"     = var.account_role_arns
    media               = var.media_arns
    "usage-exports"     = [for it in compact([var.usage_export_url]) : "${local.aws}:s3:::${trimsuffix(trimprefix(it, "s3://"), "/")}/*"]
    "batch-role"        = aws_iam_role.batch[*].arn
    "batch-jobs"        = local.batch_jobs
    queue               = [var.queue_arn]
    "dead-letter-queue" = [var.dead_queue_arn]
    files               = ["${var.bucket_arn}/${var.bucket_prefix}*"]
    "files-bucket"      = [var.bucket_arn]
    key                 = [var.kms_key_arn]
    "metric-logs"       = ["${local.aws}:logs:${data.aws_region.here.region}:${local.account}:log-group:/outcrop/metrics:*"]
    any                 = ["*"]
  }

  # Whether what makes a statement optional is there.
  wanted = {
    "customer-managed key" = true
    guardrails             = length(var.guardrail_arns) > 0
    "models.accounts"      = length(var.account_role_arns) > 0
    "media.s3_allow"       = length(var.media_arns) > 0
    "ways.batch_role"      = var.bedrock_batch
    "usage.export_url"     = var.usage_export_url != ""
    "outcrop doctor"       = true
  }

  # Of each service only its own secrets. The address of the Redis for kept answers has a password in it: pods of inference
  # read it themselves; into tasks ECS puts it.
  secrets = {
    for service, names in local.source.secrets : service => concat(
      [for name in names : var.secret_arns[name]],
      service == "inference" ? compact([var.answers_url_secret_arn]) : [],
      lookup(var.more_secret_arns, service, []),
    ) if contains(var.services, service)
  }

  statements = {
    for who, all in merge(local.source.services, local.source.helpers) : who => [
      for it in all : {
        for key, value in {
          Sid       = it.sid
          Effect    = "Allow"
          Action    = it.actions
          Resource  = flatten([for name in it.resources : name == "secrets" ? try(local.secrets[who], []) : local.resources[name]])
          Condition = try(it.conditions, null)
        } : key => value if value != null
      } if try(local.wanted[it.optional], true)
    ]
  }
}

data "aws_iam_policy_document" "trust" {
  for_each = toset(var.services)

  dynamic "statement" {
    for_each = var.trust_ecs ? [1] : []

    content {
      sid     = "Ecs"
      actions = ["sts:AssumeRole"]

      principals {
        type        = "Service"
        identifiers = ["ecs-tasks.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }
    }
  }

  # EKS Pod Identity: which pod gets which role, the association says.
  dynamic "statement" {
    for_each = var.eks_cluster_name == "" ? [] : [1]

    content {
      sid     = "EksPodIdentity"
      actions = ["sts:AssumeRole", "sts:TagSession"]

      principals {
        type        = "Service"
        identifiers = ["pods.eks.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [local.account]
      }
    }
  }

  # IRSA: the service account of that service alone.
  dynamic "statement" {
    for_each = var.eks_oidc_provider_arn == "" ? [] : [split("oidc-provider/", var.eks_oidc_provider_arn)[1]]

    content {
      sid     = "EksServiceAccount"
      actions = ["sts:AssumeRoleWithWebIdentity"]

      principals {
        type        = "Federated"
        identifiers = [var.eks_oidc_provider_arn]
      }

      condition {
        test     = "StringEquals"
        variable = "${statement.value}:aud"
        values   = ["sts.amazonaws.com"]
      }

      condition {
        test     = "StringEquals"
        variable = "${statement.value}:sub"
        values   = ["system:serviceaccount:${var.eks_namespace}:${var.eks_service_account_prefix}${each.key}"]
      }
    }
  }
}

resource "aws_iam_role" "service" {
  for_each = toset(var.services)

  name               = "${var.name}-${data.aws_region.here.region}-${each.key}"
  description        = "Outcrop: ${each.key}"
  assume_role_policy = data.aws_iam_policy_document.trust[each.key].json
}

resource "aws_iam_role_policy" "service" {
  for_each = toset(var.services)

  name = "outcrop"
  role = aws_iam_role.service[each.key].id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.statements[each.key]
  })
}

# What a collector beside a task may do in addition, where there is one.
resource "aws_iam_role_policy" "collector" {
  for_each = var.collector ? toset(var.services) : toset([])

  name = "collector"
  role = aws_iam_role.service[each.key].id

  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = local.statements["collector"]
  })
}

resource "aws_eks_pod_identity_association" "service" {
  for_each = var.eks_cluster_name == "" ? toset([]) : toset(var.services)

  cluster_name    = var.eks_cluster_name
  namespace       = var.eks_namespace
  service_account = "${var.eks_service_account_prefix}${each.key}"
  role_arn        = aws_iam_role.service[each.key].arn
}
