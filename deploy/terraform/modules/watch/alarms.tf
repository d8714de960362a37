# About what the platform stands on.

locals {
  database = { DBInstanceIdentifier = var.database_id }

  # Of each Redis its nodes, which are numbered.
  nodes = merge([
    for what, id in var.cache_ids : {
      for number in range(var.cache_nodes) : "${what}${number + 1}" => { CacheClusterId = format("%s-%03d", id, number + 1) }
    }
  ]...)

  fixed = {
    DatabaseBusy        = { about = "The database's processors are busy: see slow statements in its log.", namespace = "AWS/RDS", metric = "CPUUtilization", of = local.database, statistic = "Average", than = "GreaterThanThreshold", threshold = 80, period = 300, periods = 3 }
    DatabaseFull        = { about = "The database has less than 10 GiB left, and has not grown by itself.", namespace = "AWS/RDS", metric = "FreeStorageSpace", of = local.database, statistic = "Minimum", than = "LessThanThreshold", threshold = 10737418240, period = 300, periods = 2 }
    DeadLettersLie      = { about = "The dead-letter queue is not empty, as SQS itself says: workers died with messages in their hands.", namespace = "AWS/SQS", metric = "ApproximateNumberOfMessagesVisible", of = { QueueName = var.dead_queue_name }, statistic = "Maximum", than = "GreaterThanThreshold", threshold = 0, period = 300, periods = 1 }
    DatabaseConnections = { about = "The database has many connections: replicas times store.max_connections.", namespace = "AWS/RDS", metric = "DatabaseConnections", of = local.database, statistic = "Maximum", than = "GreaterThanThreshold", threshold = 400, period = 300, periods = 3 }
  }

  by_load_balancer = {
    for name in var.with_load_balancer ? ["NoGateway"] : [] : name => { about = "The load balancer has nobody to send clients to, or gateways answer with garbage.", namespace = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", of = { LoadBalancer = var.load_balancer_suffix }, statistic = "Sum", than = "GreaterThanThreshold", threshold = 10, period = 60, periods = 3 }
  }

  by_replica = {
    for id in compact([var.replica_id]) : "ReplicaBehind" => { about = "A replica is more than five minutes behind: reports are old, or so much would be lost with the first region.", namespace = "AWS/RDS", metric = "ReplicaLag", of = { DBInstanceIdentifier = id }, statistic = "Average", than = "GreaterThanThreshold", threshold = 300, period = 60, periods = 5 }
  }

  by_copy = var.copy_bucket == null ? {} : {
    FilesNotCopied  = { about = "Files could not be copied to the second region.", namespace = "AWS/S3", metric = "OperationsFailedReplication", of = local.copy, statistic = "Sum", than = "GreaterThanThreshold", threshold = 0, period = 300, periods = 1 }
    FilesCopiedLate = { about = "Files take longer than fifteen minutes to the second region.", namespace = "AWS/S3", metric = "ReplicationLatency", of = local.copy, statistic = "Maximum", than = "GreaterThanThreshold", threshold = 900, period = 300, periods = 2 }
  }
  copy = { SourceBucket = var.bucket, DestinationBucket = join("", compact([var.copy_bucket])), RuleId = "everything" }

  by_node = merge(
    { for key, of in local.nodes : "CacheFull-${key}" => { about = "Redis is nearly full: one that pushes nothing out refuses, and limits with it.", namespace = "AWS/ElastiCache", metric = "DatabaseMemoryUsagePercentage", of = of, statistic = "Maximum", than = "GreaterThanThreshold", threshold = 80, period = 300, periods = 2 } if startswith(key, "counters") },
    { for key, of in local.nodes : "CacheBusy-${key}" => { about = "Redis' one thread is busy.", namespace = "AWS/ElastiCache", metric = "EngineCPUUtilization", of = of, statistic = "Maximum", than = "GreaterThanThreshold", threshold = 80, period = 300, periods = 3 } },
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = merge(local.fixed, local.by_load_balancer, local.by_replica, local.by_copy, local.by_node)

  alarm_name          = "Outcrop-${var.environment}-${each.key}"
  alarm_description   = each.value.about
  namespace           = each.value.namespace
  metric_name         = each.value.metric
  dimensions          = each.value.of
  statistic           = each.value.statistic
  comparison_operator = each.value.than
  threshold           = each.value.threshold
  period              = each.value.period
  evaluation_periods  = each.value.periods
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
}

# The platform's own alarms about jobs come from its workers' lines: where no worker is left, none of them rings. SQS knows.
resource "aws_cloudwatch_metric_alarm" "nobody_works" {
  alarm_name          = "Outcrop-${var.environment}-NobodyWorks"
  alarm_description   = "Messages lie in the queue, and nobody has asked for one for fifteen minutes: there is no job worker."
  comparison_operator = "GreaterThanThreshold"
  threshold           = 0
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]

  dynamic "metric_query" {
    for_each = { waiting = ["ApproximateNumberOfMessagesVisible", "Minimum"], asked = ["NumberOfMessagesReceived", "Sum"], empty = ["NumberOfEmptyReceives", "Sum"] }

    content {
      id          = metric_query.key
      return_data = false

      metric {
        namespace   = "AWS/SQS"
        metric_name = metric_query.value[0]
        dimensions  = { QueueName = var.queue_name }
        stat        = metric_query.value[1]
        period      = 300
      }
    }
  }

  metric_query {
    id          = "alone"
    expression  = "IF(FILL(asked, 0) + FILL(empty, 0) == 0, FILL(waiting, 0), 0)"
    label       = "messages that nobody asks for"
    return_data = true
  }
}
