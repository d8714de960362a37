# What runs: of each service the image, its settings and what it may do. A service gets the settings that it reads, and
# of secrets only references to its own: it fetches them with its own role.

locals {
  secret = { for name, arn in var.secret_arns : name => "secretsmanager://${arn}" }

  store = {
    OUTCROP__STORE__URL      = var.store_url
    OUTCROP__STORE__PASSWORD = "${local.secret["database-password"]}#password"
  }
  cache = {
    OUTCROP__CACHE__URL      = var.cache_url
    OUTCROP__CACHE__PASSWORD = local.secret["cache-password"]
  }
  internal  = { OUTCROP__INTERNAL__SECRET = local.secret["internal-secret"] }
  inference = { OUTCROP__SERVICES__INFERENCE = "http://inference:8080" }
  jobs      = { OUTCROP__SERVICES__JOBS = "http://${aws_service_discovery_service.worker.name}.${aws_service_discovery_private_dns_namespace.this.name}:8080" }
  keys      = { OUTCROP__AUTH__KEY_SECRET = local.secret["key-secret"] }
  models    = { OUTCROP__MODELS__URL = "bedrock://${join(",", var.bedrock_regions)}" }

  common = merge(
    {
      AWS_REGION            = local.region
      OUTCROP__METRICS__EMF = "stdout"
      # CloudWatch has them by the lines; the collector would tell it once more.
      OUTCROP__METRICS__OTLP          = "false"
      OUTCROP__SERVER__PUBLIC_URL     = var.public_url
      OUTCROP__TELEMETRY__ENVIRONMENT = var.environment
      OUTCROP__TELEMETRY__FORMAT      = "json"
    },
    var.collector_image == "" ? {} : { OUTCROP__TELEMETRY__OTLP_ENDPOINT = "http://127.0.0.1:4318" },
  )

  settings = {
    # Connections stay open for longer than the load balancer keeps them (660 s), else it would send a request into one
    # that is just being closed.
    gateway = merge(local.internal, local.cache, local.inference, local.jobs, {
      OUTCROP__SERVER__KEEP_ALIVE_MS   = "700000"
      OUTCROP__SERVER__TRUSTED_PROXIES = join(",", var.trusted_proxies)
      OUTCROP__SERVICES__AUTH          = "http://auth:8080"
    })
    auth = merge(local.internal, local.store, local.cache, local.keys)
    inference = merge(local.internal, local.store, local.cache, local.keys, local.models, local.jobs,
      { OUTCROP__STORE__READ_URL = var.store_read_url },
      var.answers_url_secret_arn == "" ? { OUTCROP__RESPONSE_CACHE__URL = "memory://" } : {},
      var.usage_export_url == "" ? {} : { OUTCROP__USAGE__EXPORT_URL = var.usage_export_url },
    )
    "job-worker" = merge(local.internal, local.store, local.cache, local.keys, local.models, local.inference,
      { OUTCROP__QUEUE__URL = "sqs://${var.queue_name}", OUTCROP__BLOBS__URL = "s3://${var.bucket}/files" },
      var.batch_role_arn == null ? {} : { OUTCROP__WAYS__BATCH_ROLE = var.batch_role_arn },
    )
    migrate = local.store
  }

  programs = { for name in local.names : name => "outcrop-${name}" }

  # The collector beside a service, which reads its configuration from a variable.
  collector = var.collector_image == "" ? [] : [{
    name                   = "collector"
    image                  = var.collector_image
    essential              = false
    readonlyRootFilesystem = true
    environment            = [{ name = "AOT_CONFIG_CONTENT", value = file("${path.module}/../../../observability/collector/aws.yaml") }]
    linuxParameters        = { capabilities = { drop = ["ALL"] } }
  }]
}

resource "aws_ecs_task_definition" "this" {
  for_each = local.names

  family                   = "${var.name}-${each.key}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.sizes[each.key].cpu
  memory                   = var.sizes[each.key].memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = var.role_arns[each.key]

  runtime_platform {
    cpu_architecture        = "ARM64"
    operating_system_family = "LINUX"
  }

  # Of inference the spool, on a file system that outlives the task: the next one ships what is in it. The others keep
  # nothing.
  dynamic "volume" {
    for_each = each.key == "inference" ? ["spool"] : []

    content {
      name = volume.value

      efs_volume_configuration {
        file_system_id     = aws_efs_file_system.spool.id
        transit_encryption = "ENABLED"

        authorization_config {
          access_point_id = aws_efs_access_point.spool.id
          iam             = "ENABLED"
        }
      }
    }
  }

  container_definitions = jsonencode(concat([
    {
      name                   = each.key
      image                  = "${var.image_registry}/outcrop/${each.key}:${var.image_tag}"
      essential              = true
      user                   = "65532:65532"
      readonlyRootFilesystem = true
      linuxParameters        = { capabilities = { drop = ["ALL"] } }
      portMappings           = [{ name = "http", containerPort = 8080, protocol = "tcp", appProtocol = "http" }]
      mountPoints            = [for it in each.key == "inference" ? ["spool"] : [] : { sourceVolume = it, containerPath = "/data", readOnly = false }]
      ulimits                = [{ name = "nofile", softLimit = 65536, hardLimit = 65536 }]

      environment = [for key, value in merge(each.key == "migrate" ? {} : var.more_settings, local.common, local.settings[each.key]) : { name = key, value = value }]
      secrets     = [for arn in compact([each.key == "inference" ? var.answers_url_secret_arn : ""]) : { name = "OUTCROP__RESPONSE_CACHE__URL", valueFrom = arn }]

      healthCheck = {
        command     = ["CMD", "/usr/local/bin/${local.programs[each.key]}", "healthcheck"]
        interval    = 10
        timeout     = 5
        retries     = 3
        startPeriod = 30
      }

      # Longer than server.drain_ms, after which the last stream is cut.
      stopTimeout = 40

      # Nobody waits for a log: what does not fit is lost.
      logConfiguration = {
        logDriver = "awslogs"
        options = {
          "awslogs-group"         = aws_cloudwatch_log_group.service[each.key].name
          "awslogs-region"        = local.region
          "awslogs-stream-prefix" = "task"
          "mode"                  = "non-blocking"
          "max-buffer-size"       = "25m"
        }
      }
    },
  ], local.collector))
}

# Brings the database up to date, then ends; run before a new version of the services.
resource "aws_ecs_task_definition" "migrate" {
  family                   = "${var.name}-migrate"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = 256
  memory                   = 512
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = var.role_arns["migrate"]

  runtime_platform {
    cpu_architecture        = "ARM64"
    operating_system_family = "LINUX"
  }

  container_definitions = jsonencode([
    {
      name                   = "migrate"
      image                  = "${var.image_registry}/outcrop/outcrop:${var.image_tag}"
      command                = ["migrate"]
      essential              = true
      user                   = "65532:65532"
      readonlyRootFilesystem = true
      linuxParameters        = { capabilities = { drop = ["ALL"] } }
      environment            = [for key, value in merge({ AWS_REGION = local.region }, local.settings["migrate"]) : { name = key, value = value }]

      logConfiguration = {
        logDriver = "awslogs"
        options = {
          "awslogs-group"         = aws_cloudwatch_log_group.service["migrate"].name
          "awslogs-region"        = local.region
          "awslogs-stream-prefix" = "task"
        }
      }
    },
  ])
}
