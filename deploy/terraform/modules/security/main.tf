# The key under which everything lies, and the secrets that the platform makes itself. Neither plan nor state holds
# a secret: passwords are ephemeral, and Secrets Manager takes them by write-only arguments.
#
# In a second region (`primary_key_arn` is given) the key and most secrets are those of the first: keys of clients are
# hashes under key-secret, which must be the same everywhere. Redis is each region's own, and so is its password.

data "aws_caller_identity" "here" {}

data "aws_partition" "here" {}

data "aws_region" "here" {}

locals {
  account = data.aws_caller_identity.here.account_id
  root    = "arn:${data.aws_partition.here.partition}:iam::${local.account}:root"
  regions = distinct(compact([data.aws_region.here.region, var.replica_region]))
  first   = var.primary_key_arn == ""

  # Names as in deploy/iam/policies.json, each with the last part of its name in Secrets Manager.
  all = {
    "key-secret"        = "key-secret"
    "internal-secret"   = "internal-secret"
    "database-password" = "database"
    "cache-password"    = "cache"
  }
  own   = local.first ? local.all : { "cache-password" = local.all["cache-password"] }
  given = { for name, last in local.all : name => last if !contains(keys(local.own), name) }
}

# IAM says who of this account may do what; services of AWS are let in here, for this account's resources alone.
data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:a key's policy is about that key, and without its account nobody could administer it
  #checkov:skip=CKV_AWS_111:a key's policy is about that key
  #checkov:skip=CKV_AWS_356:a key's policy is about that key
  statement {
    sid       = "Account"
    actions   = ["kms:*"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = [local.root]
    }
  }

  statement {
    sid       = "Logs"
    actions   = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = [for region in local.regions : "logs.${region}.amazonaws.com"]
    }

    condition {
      test     = "ArnLike"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = [for region in local.regions : "arn:${data.aws_partition.here.partition}:logs:${region}:${local.account}:*"]
    }
  }

  # Alarms, budgets and the anomaly detection write to an encrypted topic.
  statement {
    sid       = "Alarms"
    actions   = ["kms:Decrypt", "kms:GenerateDataKey*"]
    resources = ["*"]

    principals {
      type        = "Service"
      identifiers = ["budgets.amazonaws.com", "cloudwatch.amazonaws.com", "costalerts.amazonaws.com", "events.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_kms_key" "this" {
  count = local.first ? 1 : 0

  description             = "${var.name}: everything that is kept"
  enable_key_rotation     = true
  deletion_window_in_days = 30
  multi_region            = var.replica_region != ""
  policy                  = data.aws_iam_policy_document.key.json
}

# The same key in the second region: what is copied there can be read there.
resource "aws_kms_replica_key" "this" {
  count = var.replica_region == "" ? 0 : 1

  region                  = var.replica_region
  description             = "${var.name}: copies of everything that is kept"
  primary_key_arn         = aws_kms_key.this[0].arn
  deletion_window_in_days = 30
  policy                  = data.aws_iam_policy_document.key.json
}

locals {
  key_arn = local.first ? one(aws_kms_key.this[*].arn) : var.primary_key_arn
}

resource "aws_kms_alias" "this" {
  name          = "alias/${var.name}"
  target_key_id = local.key_arn
}

ephemeral "random_password" "this" {
  for_each = local.own

  length  = 64
  special = false
}

resource "aws_secretsmanager_secret" "this" {
  #checkov:skip=CKV2_AWS_57:the database's password is rotated (modules/data); key-secret cannot be without losing every key, the others only together with a restart
  for_each = local.own

  name                    = "outcrop/${var.environment}/${each.value}"
  description             = "Outcrop ${var.environment}: ${each.key}"
  kms_key_id              = local.key_arn
  recovery_window_in_days = 30

  dynamic "replica" {
    for_each = each.key == "cache-password" ? [] : aws_kms_replica_key.this

    content {
      region     = var.replica_region
      kms_key_id = replica.value.arn
    }
  }
}

# Written once: rotation changes the database's password later on, and Terraform leaves it alone. Raising a version
# writes a new value.
resource "aws_secretsmanager_secret_version" "this" {
  for_each = local.own

  secret_id = aws_secretsmanager_secret.this[each.key].id

  secret_string_wo = each.key != "database-password" ? ephemeral.random_password.this[each.key].result : jsonencode({
    username = "outcrop"
    password = ephemeral.random_password.this[each.key].result
  })
  secret_string_wo_version = lookup(var.secret_versions, each.key, 1)
}

data "aws_secretsmanager_secret" "given" {
  for_each = local.given

  name = "outcrop/${var.environment}/${each.value}"
}
