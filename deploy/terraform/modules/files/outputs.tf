output "bucket" {
  description = "The bucket, for blobs.url (s3://bucket/files)."
  value       = local.bucket
}

output "bucket_arn" {
  description = "The bucket."
  value       = "arn:${data.aws_partition.here.partition}:s3:::${local.bucket}"
}

output "copy_bucket" {
  description = "Its copy in the second region; null without one."
  value       = one(aws_s3_bucket.copy[*].id)
}

# Through the policy, which must be there before the load balancer tries to write.
output "logs_bucket" {
  description = "The bucket of access logs."
  value       = aws_s3_bucket_policy.this["logs"].bucket
}
