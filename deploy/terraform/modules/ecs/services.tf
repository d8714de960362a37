# What keeps running. New tasks come before old ones go, and a deployment that does not become healthy is taken back.

# Found as http://auth:8080 and http://inference:8080.
resource "aws_ecs_service" "inner" {
  for_each = var.started ? toset(["auth", "inference"]) : toset([])

  name                          = each.key
  cluster                       = aws_ecs_cluster.this.id
  task_definition               = aws_ecs_task_definition.this[each.key].arn
  desired_count                 = var.sizes[each.key].least
  platform_version              = "1.4.0"
  availability_zone_rebalancing = "ENABLED"
  enable_execute_command        = false
  enable_ecs_managed_tags       = true
  propagate_tags                = "SERVICE"

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [var.security_group_id]
    assign_public_ip = false
  }

  service_connect_configuration {
    enabled   = true
    namespace = aws_service_discovery_http_namespace.this.arn

    log_configuration {
      log_driver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.service["service-connect"].name
        "awslogs-region"        = local.region
        "awslogs-stream-prefix" = each.key
      }
    }

    service {
      port_name      = "http"
      discovery_name = each.key

      client_alias {
        port     = 8080
        dns_name = each.key
      }

      # Service Connect ends a request after 15 seconds unless told otherwise; the program has its own bounds.
      timeout {
        idle_timeout_seconds        = 900
        per_request_timeout_seconds = 0
      }
    }
  }

  lifecycle {
    # Autoscaling says how many.
    ignore_changes = [desired_count]
  }

  depends_on = [
    aws_ecs_cluster_capacity_providers.this,
    aws_efs_file_system_policy.spool,
    aws_efs_mount_target.spool,
    aws_iam_role_policy.execution,
  ]
}

# Work is given back when a task goes, and done by another: the place for Spot. It calls inference, so it comes after it.
resource "aws_ecs_service" "worker" {
  count = var.started ? 1 : 0

  name                          = "job-worker"
  cluster                       = aws_ecs_cluster.this.id
  task_definition               = aws_ecs_task_definition.this["job-worker"].arn
  desired_count                 = var.sizes["job-worker"].least
  platform_version              = "1.4.0"
  availability_zone_rebalancing = "ENABLED"
  enable_execute_command        = false
  enable_ecs_managed_tags       = true
  propagate_tags                = "SERVICE"

  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  capacity_provider_strategy {
    capacity_provider = "FARGATE"
    base              = var.workers_not_on_spot
    weight            = 0
  }

  capacity_provider_strategy {
    capacity_provider = "FARGATE_SPOT"
    weight            = 1
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [var.security_group_id]
    assign_public_ip = false
  }

  service_connect_configuration {
    enabled   = true
    namespace = aws_service_discovery_http_namespace.this.arn

    log_configuration {
      log_driver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.service["service-connect"].name
        "awslogs-region"        = local.region
        "awslogs-stream-prefix" = "job-worker"
      }
    }
  }

  service_registries {
    registry_arn = aws_service_discovery_service.worker.arn
  }

  lifecycle {
    # Autoscaling says how many.
    ignore_changes = [desired_count]
  }

  depends_on = [aws_ecs_service.inner]
}

# Of the gateway a whole set comes beside the old one, and clients move to it at once, or a twentieth of them first.
resource "aws_ecs_service" "gateway" {
  count = var.started ? 1 : 0

  name                          = "gateway"
  cluster                       = aws_ecs_cluster.this.id
  task_definition               = aws_ecs_task_definition.this["gateway"].arn
  desired_count                 = var.sizes["gateway"].least
  platform_version              = "1.4.0"
  availability_zone_rebalancing = "ENABLED"
  enable_execute_command        = false
  enable_ecs_managed_tags       = true
  propagate_tags                = "SERVICE"

  health_check_grace_period_seconds  = 30
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  deployment_configuration {
    strategy             = var.strategy
    bake_time_in_minutes = var.strategy == "ROLLING" ? null : var.bake_minutes

    dynamic "canary_configuration" {
      for_each = var.strategy == "CANARY" ? [var.bake_minutes] : []

      content {
        canary_percent              = 5
        canary_bake_time_in_minutes = canary_configuration.value
      }
    }
  }

  alarms {
    alarm_names = var.rollback_alarms
    enable      = var.rollback_on_alarm
    rollback    = var.rollback_on_alarm
  }

  capacity_provider_strategy {
    capacity_provider = "FARGATE"
    weight            = 1
  }

  network_configuration {
    subnets          = var.subnet_ids
    security_groups  = [var.security_group_id]
    assign_public_ip = false
  }

  service_connect_configuration {
    enabled   = true
    namespace = aws_service_discovery_http_namespace.this.arn

    log_configuration {
      log_driver = "awslogs"
      options = {
        "awslogs-group"         = aws_cloudwatch_log_group.service["service-connect"].name
        "awslogs-region"        = local.region
        "awslogs-stream-prefix" = "gateway"
      }
    }
  }

  load_balancer {
    container_name   = "gateway"
    container_port   = 8080
    target_group_arn = var.target_group_arns["blue"]

    dynamic "advanced_configuration" {
      for_each = var.strategy == "ROLLING" ? [] : [var.target_group_arns["green"]]

      content {
        alternate_target_group_arn = advanced_configuration.value
        production_listener_rule   = var.production_rule_arn
        test_listener_rule         = var.preview_rule_arn
        role_arn                   = aws_iam_role.traffic.arn
      }
    }
  }

  lifecycle {
    # Autoscaling says how many.
    ignore_changes = [desired_count]
  }

  depends_on = [aws_ecs_service.inner, aws_ecs_service.worker, aws_iam_role_policy_attachment.traffic]
}
