# The platform on AWS: everything under the services, and the services themselves on ECS. For EKS leave those out
# (compute = "eks") and give the Helm chart the outputs. README.md has the order and the parameters.

locals {
  name       = "outcrop-${var.environment}"
  log_prefix = "/outcrop/${var.environment}"
  second     = var.primary != null

  bedrock_regions = length(var.bedrock_regions) > 0 ? var.bedrock_regions : [var.region]
}

module "security" {
  source = "./modules/security"

  name            = local.name
  environment     = var.environment
  replica_region  = var.replica_region
  primary_key_arn = local.second ? var.primary.key_arn : ""
  secret_versions = var.secret_versions
}

module "network" {
  source = "./modules/network"

  name         = local.name
  log_prefix   = local.log_prefix
  log_days     = var.log_days
  kms_key_arn  = module.security.key_arn
  cidr         = var.cidr
  zone_count   = var.zones
  nat_gateways = var.nat_gateways
  client_cidrs = var.client_cidrs
  test_cidrs   = var.test_cidrs
  other_groups = var.eks_security_group_ids

  health_check_prefix_list = var.health_check_prefix_list
}

module "endpoints" {
  source = "./modules/endpoints"

  name              = local.name
  interfaces        = var.interfaces
  account_role_arns = var.account_role_arns
  vpc_id            = module.network.vpc_id
  subnet_ids        = module.network.private_subnet_ids
  route_table_ids   = module.network.private_route_table_ids
  security_group_id = module.network.endpoints_group_id
}

module "data" {
  source = "./modules/data"

  name        = local.name
  environment = var.environment
  log_prefix  = local.log_prefix
  log_days    = var.log_days

  subnet_ids          = module.network.data_subnet_ids
  database_group_id   = module.network.database_group_id
  cache_group_id      = module.network.cache_group_id
  rotation_subnet_ids = module.network.private_subnet_ids
  rotation_group_id   = module.network.rotation_group_id

  kms_key_arn          = module.security.key_arn
  replica_region       = var.replica_region
  replica_kms_key_arn  = module.security.replica_key_arn
  primary_database_arn = local.second ? var.primary.database_arn : ""
  database_secret_arn  = module.security.secret_arns["database-password"]
  cache_secret_arn     = module.security.secret_arns["cache-password"]
  cache_secret_version = lookup(var.secret_versions, "cache-password", 1)

  database_version     = var.database_version
  database_class       = var.database_class
  database_storage_gib = var.database_storage_gib
  multi_az             = var.multi_az
  replica              = var.replica
  backup_days          = var.backup_days
  deletion_protection  = var.protected

  cache_node_type  = var.cache_node_type
  cache_nodes      = var.cache_nodes
  separate_answers = var.answer_cache
}

module "queue" {
  source = "./modules/queue"

  name        = local.name
  kms_key_arn = module.security.key_arn
}

module "files" {
  source = "./modules/files"

  name                = local.name
  kms_key_arn         = module.security.key_arn
  replica_region      = var.replica_region
  replica_kms_key_arn = module.security.replica_key_arn
  existing_bucket     = local.second ? var.primary.files_bucket : ""
  old_version_days    = var.file_days
  access_log_days     = var.log_days
}

module "iam" {
  source = "./modules/iam"

  name              = local.name
  bedrock_regions   = distinct(concat(local.bedrock_regions, var.profile_regions))
  models            = var.models
  profiles          = var.profiles
  guardrail_arns    = var.guardrail_arns
  account_role_arns = var.account_role_arns
  media_arns        = var.media_arns
  bedrock_batch     = var.bedrock_batch
  usage_export_url  = var.usage_export_url

  queue_arn      = module.queue.queue_arn
  dead_queue_arn = module.queue.dead_queue_arn
  bucket_arn     = module.files.bucket_arn
  kms_key_arn    = module.security.key_arn
  secret_arns    = module.security.secret_arns
  collector      = var.collector_image != ""

  answers_url_secret_arn = var.compute == "eks" ? module.data.answers_url_secret_arn : ""
  more_secret_arns       = var.more_secret_arns

  trust_ecs                  = var.compute == "ecs"
  eks_cluster_name           = var.eks_cluster_name
  eks_oidc_provider_arn      = var.eks_oidc_provider_arn
  eks_namespace              = var.eks_namespace
  eks_service_account_prefix = var.eks_service_account_prefix
}

module "load_balancer" {
  source = "./modules/load_balancer"
  count  = var.compute == "ecs" ? 1 : 0

  name                     = local.name
  vpc_id                   = module.network.vpc_id
  subnet_ids               = module.network.public_subnet_ids
  security_group_id        = module.network.load_balancer_group_id
  domain_name              = var.domain_name
  zone_id                  = var.hosted_zone_id
  logs_bucket              = module.files.logs_bucket
  kms_key_arn              = module.security.key_arn
  log_days                 = var.log_days
  deletion_protection      = var.protected
  waf                      = var.firewall
  waf_requests_per_address = var.requests_per_address
}

module "dns" {
  source = "./modules/dns"
  count  = var.compute == "ecs" ? 1 : 0

  name                   = local.name
  domain_name            = var.domain_name
  region_name            = module.load_balancer[0].region_name
  zone_id                = var.hosted_zone_id
  failover               = var.failover
  load_balancer_dns_name = module.load_balancer[0].dns_name
  load_balancer_zone_id  = module.load_balancer[0].alias_zone_id
}

module "watch" {
  source = "./modules/watch"

  name                 = local.name
  environment          = var.environment
  kms_key_arn          = module.security.key_arn
  alarm_emails         = var.alarm_emails
  database_id          = module.data.database_id
  replica_id           = local.second ? module.data.database_id : module.data.replica_id
  queue_name           = module.queue.queue_name
  dead_queue_name      = module.queue.dead_queue_name
  bucket               = module.files.bucket
  copy_bucket          = module.files.copy_bucket
  cache_ids            = module.data.cache_ids
  cache_nodes          = var.cache_nodes
  load_balancer_suffix = join("", module.load_balancer[*].arn_suffix)
  with_load_balancer   = var.compute == "ecs"

  # Both belong to the account and not to a region: those of the first region count what carries the tag in both.
  monthly_budget_usd = local.second ? 0 : var.monthly_budget_usd
  anomaly_usd        = local.second ? 0 : var.anomaly_usd
}

module "ecs" {
  source = "./modules/ecs"
  count  = var.compute == "ecs" ? 1 : 0

  name        = local.name
  environment = var.environment
  log_prefix  = local.log_prefix
  log_days    = var.log_days

  started         = var.started
  image_registry  = var.image_registry
  image_tag       = var.image_tag
  collector_image = var.collector_image
  sizes           = var.sizes

  vpc_id            = module.network.vpc_id
  subnet_ids        = module.network.private_subnet_ids
  security_group_id = module.network.services_group_id
  spool_group_id    = module.network.spool_group_id
  kms_key_arn       = module.security.key_arn
  role_arns         = module.iam.role_arns
  secret_arns       = module.security.secret_arns

  store_url              = module.data.store_url
  store_read_url         = module.data.store_read_url
  cache_url              = module.data.cache_url
  answers_url_secret_arn = module.data.answers_url_secret_arn
  queue_name             = module.queue.queue_name
  bucket                 = module.files.bucket
  bedrock_regions        = local.bedrock_regions
  batch_role_arn         = module.iam.batch_role_arn
  more_settings          = var.more_settings
  usage_export_url       = var.usage_export_url
  public_url             = module.dns[0].public_url
  trusted_proxies        = module.network.public_cidrs

  target_group_arns    = module.load_balancer[0].target_group_arns
  load_balancer_suffix = module.load_balancer[0].arn_suffix
  bake_minutes         = var.bake_minutes
  alarm_topic_arn      = module.watch.topic_arn
  rollback_alarms      = module.watch.rollback_alarms
  rollback_on_alarm    = var.rollback_on_alarm
  strategy             = var.strategy
  production_rule_arn  = module.load_balancer[0].production_rule_arn
  preview_rule_arn     = module.load_balancer[0].preview_rule_arn
  workers_not_on_spot  = var.workers_not_on_spot
  requests_per_gateway = var.requests_per_gateway
  jobs_per_worker      = var.jobs_per_worker
}
