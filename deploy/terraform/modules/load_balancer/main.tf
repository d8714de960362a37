# The only way in: TLS ends here, port 80 only redirects. Two target groups, so that a new version can be made ready
# beside the old one and take its place at once.

data "aws_region" "here" {}

locals {
  # Each region has a name of its own too, which health checks ask.
  region_name = "${data.aws_region.here.region}.${var.domain_name}"
}

resource "aws_acm_certificate" "this" {
  domain_name               = var.domain_name
  subject_alternative_names = [local.region_name]
  validation_method         = "DNS"
  key_algorithm             = "EC_prime256v1"

  lifecycle {
    create_before_destroy = true
  }
}

# Two regions prove the same name with the same record, hence allow_overwrite.
resource "aws_route53_record" "validation" {
  for_each = { for it in aws_acm_certificate.this.domain_validation_options : it.domain_name => it }

  zone_id         = var.zone_id
  name            = each.value.resource_record_name
  type            = each.value.resource_record_type
  records         = [each.value.resource_record_value]
  ttl             = 300
  allow_overwrite = true
}

# A listener refuses a certificate that is not issued yet.
resource "aws_acm_certificate_validation" "this" {
  certificate_arn         = aws_acm_certificate.this.arn
  validation_record_fqdns = [for it in aws_route53_record.validation : it.fqdn]
}

resource "aws_lb" "this" {
  #checkov:skip=CKV_AWS_150:deletion_protection is on unless an environment switches it off, which dev does
  #checkov:skip=CKV2_AWS_76:the rule group is in waf.tf, behind a count that checkov does not follow
  #checkov:skip=CKV2_AWS_28:the web ACL is in waf.tf, and can be switched off where another stands in front
  name               = var.name
  load_balancer_type = "application"
  internal           = false
  subnets            = var.subnet_ids
  security_groups    = [var.security_group_id]

  # Longer than server.request_timeout_ms: an answer that is not a stream may be silent for as long.
  idle_timeout               = 660
  client_keep_alive          = 3600
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "strictest"
  enable_http2               = true
  enable_deletion_protection = var.deletion_protection

  access_logs {
    enabled = true
    bucket  = var.logs_bucket
    prefix  = "load-balancer"
  }
}

resource "aws_lb_target_group" "this" {
  #checkov:skip=CKV_AWS_378:TLS ends at the load balancer; behind it only its security group reaches the gateway
  for_each = toset(["blue", "green"])

  name                          = "${var.name}-${each.key}"
  vpc_id                        = var.vpc_id
  target_type                   = "ip"
  protocol                      = "HTTP"
  port                          = 8080
  load_balancing_algorithm_type = "least_outstanding_requests"

  # The gateway drains for 25 seconds by itself.
  deregistration_delay = 30

  health_check {
    path                = "/readyz"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 2
  }
}

resource "aws_lb_listener" "redirect" {
  load_balancer_arn = aws_lb.this.arn
  protocol          = "HTTP"
  port              = 80

  default_action {
    type = "redirect"

    redirect {
      protocol    = "HTTPS"
      port        = "443"
      status_code = "HTTP_301"
    }
  }
}

# Clients come by 443; by 8443 tests reach a new version before clients do. Whoever asks for another name is not meant.
resource "aws_lb_listener" "tls" {
  for_each = { https = 443, preview = 8443 }

  load_balancer_arn = aws_lb.this.arn
  protocol          = "HTTPS"
  port              = each.value
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-Res-2021-06"
  certificate_arn   = aws_acm_certificate_validation.this.certificate_arn

  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      status_code  = "404"
    }
  }
}

resource "aws_lb_listener_rule" "this" {
  for_each = aws_lb_listener.tls

  listener_arn = each.value.arn
  priority     = 100

  condition {
    host_header {
      values = [var.domain_name, local.region_name]
    }
  }

  action {
    type = "forward"

    forward {
      target_group {
        arn    = aws_lb_target_group.this["blue"].arn
        weight = 100
      }

      target_group {
        arn    = aws_lb_target_group.this["green"].arn
        weight = 0
      }
    }
  }

  lifecycle {
    # ECS moves the weights when a new version takes the old one's place.
    ignore_changes = [action]
  }
}
