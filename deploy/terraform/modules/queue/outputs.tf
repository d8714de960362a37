output "queue_name" {
  description = "Name of the jobs' queue, for queue.url (sqs://name)."
  value       = aws_sqs_queue.jobs.name
}

output "queue_arn" {
  description = "The jobs' queue."
  value       = aws_sqs_queue.jobs.arn
}

output "dead_queue_name" {
  description = "Name of the dead-letter queue, a dimension of its metrics."
  value       = aws_sqs_queue.dead.name
}

output "dead_queue_arn" {
  description = "The dead-letter queue."
  value       = aws_sqs_queue.dead.arn
}
