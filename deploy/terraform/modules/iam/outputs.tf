output "role_arns" {
  description = "Roles of the services, by service."
  value       = { for service, it in aws_iam_role.service : service => it.arn }
}

output "batch_role_arn" {
  description = "For ways.batch_role; null where it is not used."
  value       = one(aws_iam_role.batch[*].arn)
}
