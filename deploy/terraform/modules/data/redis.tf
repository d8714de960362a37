# Redis: one for counters of limits, sessions and news between replicas, which must never push anything out, since
# counters that are gone are limits that are forgotten; and where asked for another one for kept answers, which may.

resource "aws_elasticache_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

locals {
  caches = merge(
    { counters = "noeviction" },
    var.separate_answers ? { answers = "allkeys-lru" } : {},
  )
}

resource "aws_elasticache_parameter_group" "this" {
  for_each = local.caches

  name        = "${var.name}-${each.key}-redis7"
  family      = "redis7"
  description = "Redis of ${var.name}: ${each.key}"

  parameter {
    name  = "maxmemory-policy"
    value = each.value
  }
}

# The provider would keep a user's password in its state. CloudFormation reads it from Secrets Manager by itself;
# what is in the state is the reference.
resource "aws_cloudformation_stack" "user" {
  #checkov:skip=CKV_AWS_124:its only resource is a user; whoever applies sees it fail
  name = "${var.name}-cache-user"

  parameters = {
    Name    = var.name
    Secret  = var.cache_secret_arn
    Version = tostring(var.cache_secret_version)
  }

  template_body = file("${path.module}/user.cfn.yaml")
}

resource "aws_elasticache_user_group" "this" {
  user_group_id = var.name
  engine        = "redis"
  user_ids      = [aws_cloudformation_stack.user.outputs["UserId"]]
}

resource "aws_cloudwatch_log_group" "cache" {
  name              = "${var.log_prefix}/redis"
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_elasticache_replication_group" "this" {
  #checkov:skip=CKV_AWS_31:a user with a password of its own takes the place of the one token
  #checkov:skip=CKV2_AWS_50:several nodes are a question of cost that dev answers with one, stage and prod fail over
  for_each = local.caches

  replication_group_id = "${var.name}-${each.key}"
  description          = "Redis of ${var.name}: ${each.key}"
  engine               = "redis"
  engine_version       = "7.1"
  node_type            = var.cache_node_type
  num_cache_clusters   = var.cache_nodes
  port                 = 6379

  automatic_failover_enabled = var.cache_nodes > 1
  multi_az_enabled           = var.cache_nodes > 1

  at_rest_encryption_enabled = true
  kms_key_id                 = var.kms_key_arn
  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  user_group_ids             = [aws_elasticache_user_group.this.id]

  subnet_group_name    = aws_elasticache_subnet_group.this.name
  security_group_ids   = [var.cache_group_id]
  parameter_group_name = aws_elasticache_parameter_group.this[each.key].name

  auto_minor_version_upgrade = true
  snapshot_retention_limit   = each.key == "counters" ? 1 : 0
  snapshot_window            = "01:00-02:00"
  maintenance_window         = "sun:04:30-sun:05:30"

  log_delivery_configuration {
    destination      = aws_cloudwatch_log_group.cache.name
    destination_type = "cloudwatch-logs"
    log_format       = "json"
    log_type         = "engine-log"
  }
}

# response_cache.url is an address with the password in it, and so a secret as a whole.
ephemeral "aws_secretsmanager_secret_version" "cache" {
  secret_id = var.cache_secret_arn
}

resource "aws_secretsmanager_secret" "answers_url" {
  #checkov:skip=CKV2_AWS_57:it changes together with the password of Redis
  count = var.separate_answers ? 1 : 0

  name                    = "outcrop/${var.environment}/answer-cache-url"
  description             = "Outcrop ${var.environment}: response_cache.url"
  kms_key_id              = var.kms_key_arn
  recovery_window_in_days = 30
}

resource "aws_secretsmanager_secret_version" "answers_url" {
  count = var.separate_answers ? 1 : 0

  secret_id                = aws_secretsmanager_secret.answers_url[0].id
  secret_string_wo         = "rediss://:${ephemeral.aws_secretsmanager_secret_version.cache.secret_string}@${aws_elasticache_replication_group.this["answers"].primary_endpoint_address}:6379"
  secret_string_wo_version = var.cache_secret_version
}
