# Whether the services are all there: tasks that ECS does not bring up, gateways that the load balancer does not find well.
# modules/watch has all others.

locals {
  # A set of targets' name in metrics is the end of its ARN.
  target_groups = { for colour, arn in var.target_group_arns : colour => split(":", arn)[5] }

  counted = { for name in local.names : name => { ClusterName = aws_ecs_cluster.this.name, ServiceName = name } }
}

# Of a service without a single running task Container Insights may say nothing: what says nothing rings too.
resource "aws_cloudwatch_metric_alarm" "tasks_missing" {
  for_each = local.scaled

  alarm_name          = "Outcrop-${var.environment}-TasksMissing-${each.key}"
  alarm_description   = "ECS has run fewer tasks of ${each.key} than it should for ten minutes: see the service's events and the last lines of tasks that stopped."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 10
  treat_missing_data  = "breaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]

  dynamic "metric_query" {
    for_each = { desired = "DesiredTaskCount", running = "RunningTaskCount" }

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = "ECS/ContainerInsights"
        metric_name = metric_query.value
        dimensions  = local.counted[each.key]
        stat        = "Average"
        period      = 60
      }
    }
  }

  metric_query {
    id          = "missing"
    expression  = "desired - running"
    label       = "tasks that should run and do not"
    return_data = true
  }

  depends_on = [aws_ecs_service.gateway]
}

# Clients are on one of the two sets, and the other is empty most of the time, of which the load balancer says nothing:
# both together. Ten minutes are longer than scaling out goes on as a rule, which workflows would take back for it.
resource "aws_cloudwatch_metric_alarm" "targets_missing" {
  count = var.started ? 1 : 0

  alarm_name          = "Outcrop-${var.environment}-TargetsMissing"
  alarm_description   = "The load balancer has found fewer gateways well than there should be, for ten minutes: GET /readyz of each says why."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 10
  treat_missing_data  = "breaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]

  dynamic "metric_query" {
    for_each = local.target_groups

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = "AWS/ApplicationELB"
        metric_name = "HealthyHostCount"
        dimensions  = { LoadBalancer = var.load_balancer_suffix, TargetGroup = metric_query.value }
        stat        = "Maximum"
        period      = 60
      }
    }
  }

  metric_query {
    id          = "desired"
    return_data = false

    metric {
      namespace   = "ECS/ContainerInsights"
      metric_name = "DesiredTaskCount"
      dimensions  = local.counted["gateway"]
      stat        = "Average"
      period      = 60
    }
  }

  metric_query {
    id          = "missing"
    expression  = "desired - FILL(blue, 0) - FILL(green, 0)"
    label       = "gateways that should answer and do not"
    return_data = true
  }

  depends_on = [aws_ecs_service.gateway]
}

# ECS replaces a task that is not well; one that always comes back so is seen half of the time.
resource "aws_cloudwatch_metric_alarm" "targets_unhealthy" {
  count = var.started ? 1 : 0

  alarm_name          = "Outcrop-${var.environment}-TargetsUnhealthy"
  alarm_description   = "Again and again the load balancer finds gateways that are not well: GET /readyz of each says why."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 10
  datapoints_to_alarm = 5
  treat_missing_data  = "notBreaching"
  alarm_actions       = [var.alarm_topic_arn]
  ok_actions          = [var.alarm_topic_arn]

  dynamic "metric_query" {
    for_each = local.target_groups

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = "AWS/ApplicationELB"
        metric_name = "UnHealthyHostCount"
        dimensions  = { LoadBalancer = var.load_balancer_suffix, TargetGroup = metric_query.value }
        stat        = "Maximum"
        period      = 60
      }
    }
  }

  metric_query {
    id          = "unwell"
    expression  = "FILL(blue, 0) + FILL(green, 0)"
    label       = "gateways that are not well"
    return_data = true
  }

  depends_on = [aws_ecs_service.gateway]
}
