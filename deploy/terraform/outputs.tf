output "public_url" {
  description = "server.public_url: where clients go."
  value       = "https://${var.domain_name}"
}

output "vpc_id" {
  description = "The VPC."
  value       = module.network.vpc_id
}

output "private_subnet_ids" {
  description = "Subnets for nodes and tasks."
  value       = module.network.private_subnet_ids
}

output "public_subnet_ids" {
  description = "Subnets for load balancers."
  value       = module.network.public_subnet_ids
}

output "services_security_group_id" {
  description = "Security group that reaches data and endpoints."
  value       = module.network.services_group_id
}

output "role_arns" {
  description = "Roles of the services, by service: for tasks, IRSA or Pod Identity."
  value       = module.iam.role_arns
}

output "secret_arns" {
  description = "ARNs of the secrets, by the names of deploy/iam/policies.json."
  value       = module.security.secret_arns
}

# What deploy/lambda/template.yaml asks for besides.
output "key_arn" {
  description = "The KMS key."
  value       = module.security.key_arn
}

output "queue_name" {
  description = "The jobs' queue."
  value       = module.queue.queue_name
}

output "queue_arn" {
  description = "Its ARN."
  value       = module.queue.queue_arn
}

output "dead_queue_arn" {
  description = "The queue of what failed too often."
  value       = module.queue.dead_queue_arn
}

output "files_bucket" {
  description = "The bucket of files."
  value       = module.files.bucket
}

output "files_bucket_arn" {
  description = "Its ARN."
  value       = module.files.bucket_arn
}

output "listener_arn" {
  description = "The listener for clients; null under EKS."
  value       = one(module.load_balancer[*].listener_arn)
}

output "topic_arn" {
  description = "Where alarms are told."
  value       = module.watch.topic_arn
}

output "copy_bucket" {
  description = "Copy of the files in the second region; null without one."
  value       = module.files.copy_bucket
}

# What the Helm chart's values need; no secret is among them, only references.
output "settings" {
  description = "Settings of the services, as their environment has them."
  value = merge(var.more_settings, {
    OUTCROP__STORE__URL              = module.data.store_url
    OUTCROP__STORE__READ_URL         = module.data.store_read_url
    OUTCROP__STORE__PASSWORD         = "secretsmanager://${module.security.secret_arns["database-password"]}#password"
    OUTCROP__CACHE__URL              = module.data.cache_url
    OUTCROP__CACHE__PASSWORD         = "secretsmanager://${module.security.secret_arns["cache-password"]}"
    OUTCROP__QUEUE__URL              = "sqs://${module.queue.queue_name}"
    OUTCROP__BLOBS__URL              = "s3://${module.files.bucket}/files"
    OUTCROP__MODELS__URL             = "bedrock://${join(",", local.bedrock_regions)}"
    OUTCROP__AUTH__KEY_SECRET        = "secretsmanager://${module.security.secret_arns["key-secret"]}"
    OUTCROP__INTERNAL__SECRET        = "secretsmanager://${module.security.secret_arns["internal-secret"]}"
    OUTCROP__SERVER__PUBLIC_URL      = "https://${var.domain_name}"
    OUTCROP__SERVER__TRUSTED_PROXIES = join(",", module.network.public_cidrs)
    OUTCROP__TELEMETRY__ENVIRONMENT  = var.environment
  }, module.iam.batch_role_arn == null ? {} : { OUTCROP__WAYS__BATCH_ROLE = module.iam.batch_role_arn }, { OUTCROP__RESPONSE_CACHE__URL = var.answer_cache ? "secretsmanager://${module.data.answers_url_secret_arn}" : "memory://" })
}

output "answers_url_secret_arn" {
  description = "Secret with response_cache.url; empty where kept answers have no Redis of their own."
  value       = module.data.answers_url_secret_arn
}

output "cluster_name" {
  description = "The ECS cluster; null under EKS."
  value       = one(module.ecs[*].cluster_name)
}

output "service_names" {
  description = "Its services; null under EKS."
  value       = one(module.ecs[*].service_names)
}

output "migrate_command" {
  description = "Brings the database up to date, by the newest version that was applied, and ends as its task did. Null under EKS, where the chart does it."
  value       = one(module.ecs[*].migrate_command)
}

output "certificate_arn" {
  description = "The certificate; null under EKS."
  value       = one(module.load_balancer[*].certificate_arn)
}

output "web_acl_arn" {
  description = "The firewall; null without one."
  value       = one(module.load_balancer[*].web_acl_arn)
}

# For `primary` of the second region.
output "for_second_region" {
  description = "What a second region needs to know of this one; null without one."
  value = var.replica_region == "" ? null : {
    key_arn      = module.security.replica_key_arn
    database_arn = module.data.database_arn
    files_bucket = module.files.copy_bucket
  }
}
