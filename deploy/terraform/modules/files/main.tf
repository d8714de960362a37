# The bucket of files, jobs' bodies and archived usage, its copy in the second region, and one for access logs.
# In the second region that copy is the bucket of files (`existing_bucket`), and only the one for logs is made.

data "aws_caller_identity" "here" {}

data "aws_partition" "here" {}

data "aws_region" "here" {}

locals {
  # Names of buckets are one space for everybody.
  suffix = "${data.aws_caller_identity.here.account_id}-${data.aws_region.here.region}"

  # Of each bucket its region: S3 takes settings of a bucket only there.
  regions = merge(
    { logs = data.aws_region.here.region },
    var.existing_bucket == "" ? { files = data.aws_region.here.region } : {},
    var.replica_region == "" ? {} : { copy = var.replica_region },
  )
  buckets = merge(
    { logs = aws_s3_bucket.logs.id },
    { for it in aws_s3_bucket.files : "files" => it.id },
    { for it in aws_s3_bucket.copy : "copy" => it.id },
  )
  arns   = { for what, name in local.buckets : what => "arn:${data.aws_partition.here.partition}:s3:::${name}" }
  bucket = var.existing_bucket == "" ? one(aws_s3_bucket.files[*].id) : var.existing_bucket
}

resource "aws_s3_bucket" "files" {
  #checkov:skip=CKV_AWS_144:copied where a second region is named, which prod does
  #checkov:skip=CKV2_AWS_62:the platform writes its own events
  count = var.existing_bucket == "" ? 1 : 0

  bucket        = "${var.name}-files-${local.suffix}"
  force_destroy = false
}

resource "aws_s3_bucket" "copy" {
  #checkov:skip=CKV_AWS_144:it is the copy
  #checkov:skip=CKV_AWS_18:nobody but S3 itself uses it until a disaster
  #checkov:skip=CKV2_AWS_62:the platform writes its own events
  count = var.replica_region == "" ? 0 : 1

  region        = var.replica_region
  bucket        = "${var.name}-files-${data.aws_caller_identity.here.account_id}-${var.replica_region}"
  force_destroy = false
}

resource "aws_s3_bucket" "logs" {
  #checkov:skip=CKV_AWS_18:logs about access to the logs would never end
  #checkov:skip=CKV_AWS_144:access logs are not worth a second region
  #checkov:skip=CKV_AWS_145:load balancers can write only under the key of S3
  #checkov:skip=CKV2_AWS_62:nobody waits for a log
  bucket        = "${var.name}-logs-${local.suffix}"
  force_destroy = false
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.regions

  region                  = each.value
  bucket                  = local.buckets[each.key]
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.regions

  region = each.value
  bucket = local.buckets[each.key]

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.regions

  region = each.value
  bucket = local.buckets[each.key]

  versioning_configuration {
    status = "Enabled"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.regions

  region = each.value
  bucket = local.buckets[each.key]

  rule {
    bucket_key_enabled = each.key != "logs"

    apply_server_side_encryption_by_default {
      sse_algorithm     = each.key == "logs" ? "AES256" : "aws:kms"
      kms_master_key_id = { files = var.kms_key_arn, copy = var.replica_kms_key_arn, logs = null }[each.key]
    }
  }
}

resource "aws_s3_bucket_lifecycle_configuration" "this" {
  # checkov:skip=CKV_AWS_300: the first rule does; checkov does not see it beside the dynamic ones
  for_each = local.regions

  region = each.value
  bucket = local.buckets[each.key]

  # A worker that is killed while it takes a file in leaves an upload behind.
  rule {
    id     = "uploads-that-were-left"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  rule {
    id     = "old-versions"
    status = "Enabled"

    filter {}

    noncurrent_version_expiration {
      noncurrent_days = var.old_version_days
    }

    expiration {
      expired_object_delete_marker = true
    }
  }

  # Months of usage that were put away, and are read seldom.
  dynamic "rule" {
    for_each = each.key == "logs" ? [] : ["files/usage/"]

    content {
      id     = "usage-put-away"
      status = "Enabled"

      filter {
        prefix = rule.value
      }

      transition {
        days          = 30
        storage_class = "STANDARD_IA"
      }
    }
  }

  # Files are forgotten by the platform itself, logs by nobody else.
  dynamic "rule" {
    for_each = each.key == "logs" ? [var.access_log_days] : []

    content {
      id     = "logs"
      status = "Enabled"

      filter {}

      expiration {
        days = rule.value
      }
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

data "aws_iam_policy_document" "bucket" {
  for_each = local.regions

  statement {
    sid       = "OnlyByTls"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.arns[each.key], "${local.arns[each.key]}/*"]

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

  dynamic "statement" {
    for_each = each.key == "logs" ? ["logdelivery.elasticloadbalancing.amazonaws.com", "logging.s3.amazonaws.com"] : []

    content {
      sid       = statement.key == 0 ? "LoadBalancer" : "BucketAccess"
      actions   = ["s3:PutObject"]
      resources = ["${local.arns[each.key]}/*"]

      principals {
        type        = "Service"
        identifiers = [statement.value]
      }

      condition {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [data.aws_caller_identity.here.account_id]
      }
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.regions

  region = each.value
  bucket = local.buckets[each.key]
  policy = data.aws_iam_policy_document.bucket[each.key].json

  depends_on = [aws_s3_bucket_public_access_block.this]
}

resource "aws_s3_bucket_logging" "files" {
  count = var.existing_bucket == "" ? 1 : 0

  bucket        = aws_s3_bucket.files[0].id
  target_bucket = aws_s3_bucket.logs.id
  target_prefix = "files/"
}
