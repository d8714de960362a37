output "database_id" {
  description = "Identifier of the database, a dimension of its metrics."
  value       = aws_db_instance.primary.identifier
}

output "database_arn" {
  description = "The database, for a second region's replica of it."
  value       = aws_db_instance.primary.arn
}

output "replica_id" {
  description = "Identifier of the replica; null without one."
  value       = one(aws_db_instance.replica[*].identifier)
}

output "store_url" {
  description = "For store.url; the password is kept apart."
  value       = "postgres://outcrop@${aws_db_instance.primary.endpoint}/outcrop?sslmode=require"
}

output "store_read_url" {
  description = "For store.read_url: the replica, or the database itself where there is none."
  value       = "postgres://outcrop@${concat(aws_db_instance.replica[*].endpoint, [aws_db_instance.primary.endpoint])[0]}/outcrop?sslmode=require"
}

output "cache_url" {
  description = "For cache.url; the password is kept apart."
  value       = "rediss://${aws_elasticache_replication_group.this["counters"].primary_endpoint_address}:6379"
}

output "answers_url_secret_arn" {
  description = "Secret with response_cache.url; empty where kept answers have no Redis of their own."
  value       = join("", aws_secretsmanager_secret_version.answers_url[*].arn)
}

output "cache_ids" {
  description = "Identifiers of the replication groups, by what they are for."
  value       = { for what, it in aws_elasticache_replication_group.this : what => it.id }
}
