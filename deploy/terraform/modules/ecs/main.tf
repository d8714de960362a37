# The cluster and its services on Fargate: ARM64, one task definition each.
#
# Service Connect tells a task of the services that there were when it started. The gateway is made last, therefore; and
# since inference and the job worker call each other, the latter is found by DNS.

data "aws_caller_identity" "here" {}

data "aws_partition" "here" {}

data "aws_region" "here" {}

locals {
  region = data.aws_region.here.region

  # Tasks of these run for good; migrations end (task_definitions.tf).
  names = toset(["gateway", "auth", "inference", "job-worker"])
}

resource "aws_service_discovery_http_namespace" "this" {
  name        = var.name
  description = "Services of ${var.name} for each other"
}

resource "aws_service_discovery_private_dns_namespace" "this" {
  name        = "${var.name}.internal"
  description = "Services of ${var.name} for each other, by DNS"
  vpc         = var.vpc_id
}

resource "aws_service_discovery_service" "worker" {
  name = "job-worker"

  dns_config {
    namespace_id   = aws_service_discovery_private_dns_namespace.this.id
    routing_policy = "MULTIVALUE"

    dns_records {
      type = "A"
      ttl  = 10
    }
  }

  # ECS says which tasks are well.
  health_check_custom_config {}
}

resource "aws_cloudwatch_log_group" "service" {
  for_each = setunion(local.names, ["migrate", "service-connect"])

  name              = "${var.log_prefix}/${each.key}"
  retention_in_days = var.log_days
  kms_key_id        = var.kms_key_arn
}

resource "aws_ecs_cluster" "this" {
  name = var.name

  # Counts of tasks that should run and do, by which the gateway is scaled and alarms ring, come from here.
  setting {
    name  = "containerInsights"
    value = "enabled"
  }
}

resource "aws_ecs_cluster_capacity_providers" "this" {
  cluster_name       = aws_ecs_cluster.this.name
  capacity_providers = ["FARGATE", "FARGATE_SPOT"]
}
