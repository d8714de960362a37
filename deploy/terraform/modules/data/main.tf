# Postgres: the primary over two zones where asked for, a replica that reports read from, backups to any second of
# the kept days, and their copies in the second region. In a second region (`primary_database_arn` is given) the
# database is a replica of the first region's, until somebody promotes it.

data "aws_partition" "here" {}

data "aws_region" "here" {}

locals {
  first = var.primary_database_arn == ""
}

data "aws_iam_policy_document" "monitoring_trust" {
  statement {
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["monitoring.rds.amazonaws.com"]
    }
  }
}

resource "aws_iam_role" "monitoring" {
  name               = "${var.name}-${data.aws_region.here.region}-rds-monitoring"
  assume_role_policy = data.aws_iam_policy_document.monitoring_trust.json
}

resource "aws_iam_role_policy_attachment" "monitoring" {
  role       = aws_iam_role.monitoring.name
  policy_arn = "arn:${data.aws_partition.here.partition}:iam::aws:policy/service-role/AmazonRDSEnhancedMonitoringRole"
}

resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_db_parameter_group" "this" {
  name        = "${var.name}-postgres17"
  family      = "postgres17"
  description = "Postgres of ${var.name}: TLS only, slow statements and waits in the log"

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  dynamic "parameter" {
    for_each = {
      "log_connections"            = "1"
      "log_lock_waits"             = "1"
      "log_min_duration_statement" = "1000"
      "log_statement"              = "ddl"
    }

    content {
      name  = parameter.key
      value = parameter.value
    }
  }
}

# What Secrets Manager holds now; read during an apply alone.
ephemeral "aws_secretsmanager_secret_version" "database" {
  secret_id = var.database_secret_arn
}

resource "aws_db_instance" "primary" {
  #checkov:skip=CKV2_AWS_69:rds.force_ssl is in the parameter group, of which some parameters are dynamic
  #checkov:skip=CKV_AWS_157:several zones are a question of cost that dev answers with no, stage and prod have them
  #checkov:skip=CKV_AWS_161:the program logs in with a password that is rotated, it makes no IAM tokens
  #checkov:skip=CKV_AWS_293:deletion_protection is on unless an environment switches it off, which dev does
  identifier          = var.name
  engine              = local.first ? "postgres" : null
  engine_version      = local.first ? var.database_version : null
  instance_class      = var.database_class
  replicate_source_db = local.first ? null : var.primary_database_arn

  # RDS cannot manage the password itself where there is a replica:
  # https://docs.aws.amazon.com/AmazonRDS/latest/UserGuide/rds-secrets-manager.html
  db_name             = local.first ? "outcrop" : null
  username            = local.first ? "outcrop" : null
  password_wo         = local.first ? jsondecode(ephemeral.aws_secretsmanager_secret_version.database.secret_string)["password"] : null
  password_wo_version = local.first ? 1 : null

  storage_type          = "gp3"
  allocated_storage     = local.first ? var.database_storage_gib : null
  max_allocated_storage = 4096
  storage_encrypted     = true
  kms_key_id            = var.kms_key_arn

  multi_az               = var.multi_az
  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [var.database_group_id]
  publicly_accessible    = false
  parameter_group_name   = aws_db_parameter_group.this.name
  ca_cert_identifier     = "rds-ca-rsa2048-g1"

  # With backups on, the log goes to S3 every five minutes: what point-in-time recovery loses at most.
  backup_retention_period   = var.backup_days
  backup_window             = "02:00-03:00"
  maintenance_window        = "sun:03:30-sun:04:30"
  copy_tags_to_snapshot     = true
  delete_automated_backups  = false
  deletion_protection       = var.deletion_protection
  skip_final_snapshot       = false
  final_snapshot_identifier = "${var.name}-final"

  auto_minor_version_upgrade            = true
  monitoring_interval                   = 60
  monitoring_role_arn                   = aws_iam_role.monitoring.arn
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = var.kms_key_arn
  performance_insights_retention_period = 7
  enabled_cloudwatch_logs_exports       = ["postgresql", "upgrade"]

  lifecycle {
    # Storage grows by itself; a promoted replica is nobody's replica any more.
    ignore_changes = [allocated_storage, replicate_source_db]
  }
}

resource "aws_db_instance" "replica" {
  #checkov:skip=CKV2_AWS_69:rds.force_ssl is in the parameter group, of which some parameters are dynamic
  #checkov:skip=CKV_AWS_157:reports can wait until RDS has made another one, the database itself stands in two zones
  #checkov:skip=CKV_AWS_161:as the database that it is a replica of
  #checkov:skip=CKV_AWS_293:deletion_protection is on unless an environment switches it off, which dev does
  #checkov:skip=CKV_AWS_133:backups are made of the primary
  count = local.first && var.replica ? 1 : 0

  identifier          = "${var.name}-replica"
  replicate_source_db = aws_db_instance.primary.identifier
  instance_class      = var.database_class

  storage_type           = "gp3"
  max_allocated_storage  = 4096
  storage_encrypted      = true
  kms_key_id             = var.kms_key_arn
  vpc_security_group_ids = [var.database_group_id]
  publicly_accessible    = false
  parameter_group_name   = aws_db_parameter_group.this.name
  ca_cert_identifier     = "rds-ca-rsa2048-g1"
  copy_tags_to_snapshot  = true
  deletion_protection    = var.deletion_protection
  skip_final_snapshot    = true

  auto_minor_version_upgrade            = true
  monitoring_interval                   = 60
  monitoring_role_arn                   = aws_iam_role.monitoring.arn
  performance_insights_enabled          = true
  performance_insights_kms_key_id       = var.kms_key_arn
  performance_insights_retention_period = 7
  enabled_cloudwatch_logs_exports       = ["postgresql", "upgrade"]
}

# Snapshots and the log in the second region: from them the database is restored there to within minutes.
resource "aws_db_instance_automated_backups_replication" "this" {
  count = var.replica_region == "" ? 0 : 1

  region                 = var.replica_region
  source_db_instance_arn = aws_db_instance.primary.arn
  kms_key_id             = var.replica_kms_key_arn
  retention_period       = var.backup_days
}
