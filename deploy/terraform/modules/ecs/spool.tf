# The spool: what keeps records of usage between the end of a call and the ledger, on a file system that survives the
# task. The next process finds the folder of one that was killed, and ships what is in it.

resource "aws_efs_file_system" "spool" {
  creation_token   = "${var.name}-spool"
  encrypted        = true
  kms_key_id       = var.kms_key_arn
  performance_mode = "generalPurpose"
  throughput_mode  = "elastic"

  tags = { Name = "${var.name}-spool" }
}

resource "aws_efs_backup_policy" "spool" {
  file_system_id = aws_efs_file_system.spool.id

  backup_policy {
    status = "ENABLED"
  }
}

resource "aws_efs_mount_target" "spool" {
  count = length(var.subnet_ids)

  file_system_id  = aws_efs_file_system.spool.id
  subnet_id       = var.subnet_ids[count.index]
  security_groups = [var.spool_group_id]
}

# Whoever comes through here is the user of the images, in a folder of their own.
resource "aws_efs_access_point" "spool" {
  file_system_id = aws_efs_file_system.spool.id

  posix_user {
    uid = 65532
    gid = 65532
  }

  root_directory {
    path = "/outcrop"

    creation_info {
      owner_uid   = 65532
      owner_gid   = 65532
      permissions = "0700"
    }
  }
}

# Said here and not in the role, so that the role stays what the program's own calls need.
data "aws_iam_policy_document" "spool" {
  statement {
    sid       = "OnlyByTls"
    effect    = "Deny"
    actions   = ["*"]
    resources = [aws_efs_file_system.spool.arn]

    principals {
      type        = "AWS"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }

  statement {
    sid       = "WritersOfUsage"
    actions   = ["elasticfilesystem:ClientMount", "elasticfilesystem:ClientWrite"]
    resources = [aws_efs_file_system.spool.arn]

    principals {
      type        = "AWS"
      identifiers = [var.role_arns["inference"]]
    }

    condition {
      test     = "Bool"
      variable = "elasticfilesystem:AccessedViaMountTarget"
      values   = ["true"]
    }
  }
}

resource "aws_efs_file_system_policy" "spool" {
  file_system_id = aws_efs_file_system.spool.id
  policy         = data.aws_iam_policy_document.spool.json
}
