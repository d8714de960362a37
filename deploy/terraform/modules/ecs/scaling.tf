# How many tasks: by processor, of the gateway by requests too, of the worker by jobs that are due.

locals {
  scaled = var.started ? local.names : toset([])
}

resource "aws_appautoscaling_target" "this" {
  for_each = local.scaled

  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${aws_ecs_cluster.this.name}/${each.key}"
  min_capacity       = var.sizes[each.key].least
  max_capacity       = var.sizes[each.key].most

  depends_on = [aws_ecs_service.gateway]
}

resource "aws_appautoscaling_policy" "processor" {
  for_each = local.scaled

  name               = "processor"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this[each.key].service_namespace
  scalable_dimension = aws_appautoscaling_target.this[each.key].scalable_dimension
  resource_id        = aws_appautoscaling_target.this[each.key].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 60
    scale_out_cooldown = 30
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}

# Requests of the load balancer by running tasks, and not its own count for each target: that is of one of the two sets,
# and the set that clients reach changes with every deployment.
resource "aws_appautoscaling_policy" "requests" {
  count = var.started ? 1 : 0

  name               = "requests"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this["gateway"].service_namespace
  scalable_dimension = aws_appautoscaling_target.this["gateway"].scalable_dimension
  resource_id        = aws_appautoscaling_target.this["gateway"].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.requests_per_gateway
    scale_out_cooldown = 30
    scale_in_cooldown  = 300

    customized_metric_specification {
      metrics {
        id          = "requests"
        return_data = false

        metric_stat {
          stat = "Sum"

          metric {
            namespace   = "AWS/ApplicationELB"
            metric_name = "RequestCount"

            dimensions {
              name  = "LoadBalancer"
              value = var.load_balancer_suffix
            }
          }
        }
      }

      metrics {
        id          = "tasks"
        return_data = false

        metric_stat {
          stat = "Average"

          metric {
            namespace   = "ECS/ContainerInsights"
            metric_name = "RunningTaskCount"

            dimensions {
              name  = "ClusterName"
              value = aws_ecs_cluster.this.name
            }

            dimensions {
              name  = "ServiceName"
              value = "gateway"
            }
          }
        }
      }

      # Where nobody calls the load balancer says nothing at all, and what says nothing lets no task go.
      metrics {
        id          = "each"
        expression  = "FILL(requests, 0) / tasks"
        label       = "requests of a task in a minute"
        return_data = true
      }
    }
  }
}

# The platform's own figure: jobs that are due, for each worker.
resource "aws_appautoscaling_policy" "backlog" {
  count = var.started ? 1 : 0

  name               = "backlog"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this["job-worker"].service_namespace
  scalable_dimension = aws_appautoscaling_target.this["job-worker"].scalable_dimension
  resource_id        = aws_appautoscaling_target.this["job-worker"].resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.jobs_per_worker
    scale_out_cooldown = 60
    scale_in_cooldown  = 300

    customized_metric_specification {
      namespace   = "Outcrop"
      metric_name = "BacklogPerWorker"
      statistic   = "Average"

      dimensions {
        name  = "Environment"
        value = var.environment
      }
    }
  }
}
