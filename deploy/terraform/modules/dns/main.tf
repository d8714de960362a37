# The name that clients use, and which region answers to it. Route 53 asks each region whether it is ready; while the
# first is not, the name leads to the second. It does not judge by the load balancer's targets: of the two sets one is
# always empty, and a set without targets may count as unhealthy (EvaluateTargetHealth,
# https://docs.aws.amazon.com/Route53/latest/APIReference/API_AliasTarget.html). What /readyz says is the better judge.

locals {
  alone = var.failover == "none" ? toset(["alone"]) : toset([])
  one   = contains(["primary", "secondary"], var.failover) ? toset([var.failover]) : toset([])
}

resource "aws_route53_record" "region" {
  zone_id = var.zone_id
  name    = var.region_name
  type    = "A"

  alias {
    name                   = var.load_balancer_dns_name
    zone_id                = var.load_balancer_zone_id
    evaluate_target_health = false
  }
}

resource "aws_route53_record" "alone" {
  for_each = local.alone

  zone_id = var.zone_id
  name    = var.domain_name
  type    = "A"

  alias {
    name                   = var.load_balancer_dns_name
    zone_id                = var.load_balancer_zone_id
    evaluate_target_health = false
  }
}

# /readyz also says 200 while something is missing that calls can do without: a region is left only when it is useless.
resource "aws_route53_health_check" "this" {
  for_each = local.one

  type              = "HTTPS"
  fqdn              = var.region_name
  port              = 443
  resource_path     = "/readyz"
  request_interval  = 10
  failure_threshold = 3
  enable_sni        = true
  measure_latency   = true

  tags = { Name = "${var.name}-${var.region_name}" }
}

resource "aws_route53_record" "failover" {
  for_each = local.one

  zone_id         = var.zone_id
  name            = var.domain_name
  type            = "A"
  set_identifier  = each.key
  health_check_id = aws_route53_health_check.this[each.key].id

  failover_routing_policy {
    type = upper(each.key)
  }

  alias {
    name                   = var.load_balancer_dns_name
    zone_id                = var.load_balancer_zone_id
    evaluate_target_health = false
  }
}
