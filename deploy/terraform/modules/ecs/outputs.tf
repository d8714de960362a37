output "cluster_name" {
  description = "The cluster."
  value       = aws_ecs_cluster.this.name
}

output "service_names" {
  description = "Its services."
  value       = local.names
}

output "migrate_command" {
  description = "Brings the database up to date, by the newest version that was applied, and ends as its task did; run before the services are."
  value = join(" ", [
    "task=$(aws ecs run-task --launch-type FARGATE --query 'tasks[0].taskArn' --output text",
    "--cluster ${aws_ecs_cluster.this.name}",
    "--task-definition ${aws_ecs_task_definition.migrate.family}",
    "--network-configuration 'awsvpcConfiguration={subnets=[${join(",", var.subnet_ids)}],securityGroups=[${var.security_group_id}],assignPublicIp=DISABLED}')",
    "&& aws ecs wait tasks-stopped --cluster ${aws_ecs_cluster.this.name} --tasks \"$task\"",
    "&& test 0 = \"$(aws ecs describe-tasks --cluster ${aws_ecs_cluster.this.name} --tasks \"$task\" --query 'tasks[0].containers[0].exitCode' --output text)\"",
  ])
}
