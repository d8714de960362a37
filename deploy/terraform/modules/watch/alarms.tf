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
    DatabaseConnections = { about = "The database has many connections: replicas times store.max_connections.", namespace = "AWS/RDS", metric = "DatabaseConnections", of = local.database, statistic = "Maximum", than = "GreaterThanThreshold", threshold = 400, period = 300, periods = 3 }
  }

  by_load_balancer = {
    for name in var.with_load_balancer ? ["NoGateway"] : [] : name => { about = "The load balancer has nobody to send clients to, or gateways answer with garbage.", namespace = "AWS/ApplicationELB", metric = "HTTPCode_ELB_5XX_Count", of = { LoadBalancer = var.load_balancer_suffix }, statistic = "Sum", than = "GreaterThanThreshold", threshold = 10, period = 60, periods = 3 }
  }

  by_replica = {
    for id in compact([var.replica_id]) : "ReplicaBehind" => { about = "Reports read from a replica that is more than five minutes behind.", namespace = "AWS/RDS", metric = "ReplicaLag", of = { DBInstanceIdentifier = id }, statistic = "Average", than = "GreaterThanThreshold", threshold = 300, period = 60, periods = 5 }
  }

  by_node = merge(
    { for key, of in local.nodes : "CacheFull-${key}" => { about = "Redis is nearly full: one that pushes nothing out refuses, and limits with it.", namespace = "AWS/ElastiCache", metric = "DatabaseMemoryUsagePercentage", of = of, statistic = "Maximum", than = "GreaterThanThreshold", threshold = 80, period = 300, periods = 2 } if startswith(key, "counters") },
    { for key, of in local.nodes : "CacheBusy-${key}" => { about = "Redis' one thread is busy.", namespace = "AWS/ElastiCache", metric = "EngineCPUUtilization", of = of, statistic = "Maximum", than = "GreaterThanThreshold", threshold = 80, period = 300, periods = 3 } },
  )
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = merge(local.fixed, local.by_load_balancer, local.by_replica, local.by_node)

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
