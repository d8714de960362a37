output "topic_arn" {
  description = "Where alarms are told."
  value       = aws_sns_topic.alarms.arn
}

# They must be there before ECS is told of them.
output "rollback_alarms" {
  description = "Alarms that take a deployment back."
  value       = ["Outcrop-${var.environment}-ErrorRate"]
  depends_on  = [aws_cloudformation_stack.platform]
}
