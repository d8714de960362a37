output "key_arn" {
  description = "The KMS key."
  value       = local.key_arn
}

output "replica_key_arn" {
  description = "The same key in the second region; null without one."
  value       = one(aws_kms_replica_key.this[*].arn)
}

# Through the versions, so that nobody is handed a secret that has no value yet.
output "secret_arns" {
  description = "ARNs of the secrets, by the names of deploy/iam/policies.json."
  value = merge(
    { for name, it in aws_secretsmanager_secret_version.this : name => it.arn },
    { for name, it in data.aws_secretsmanager_secret.given : name => it.arn },
  )
}
