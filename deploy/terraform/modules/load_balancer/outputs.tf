output "dns_name" {
  description = "Its own name."
  value       = aws_lb.this.dns_name
}

output "alias_zone_id" {
  description = "The zone of that name, for alias records."
  value       = aws_lb.this.zone_id
}

output "arn_suffix" {
  description = "Its dimension in metrics."
  value       = aws_lb.this.arn_suffix
}

output "listener_arn" {
  description = "The listener for clients."
  value       = aws_lb_listener.tls["https"].arn
}

output "target_group_arns" {
  description = "Target groups, by colour."
  value       = { for colour, it in aws_lb_target_group.this : colour => it.arn }
}

# ECS moves the weights of these rules.
output "production_rule_arn" {
  description = "The rule that sends clients to the gateway."
  value       = aws_lb_listener_rule.this["https"].arn
}

output "preview_rule_arn" {
  description = "The rule that sends tests to it."
  value       = aws_lb_listener_rule.this["preview"].arn
}

output "web_acl_arn" {
  description = "The firewall, for an Ingress of EKS; null without one."
  value       = one(aws_wafv2_web_acl.this[*].arn)
}

output "region_name" {
  description = "The name of this region's platform."
  value       = local.region_name
}

output "certificate_arn" {
  description = "The certificate, for an Ingress of EKS."
  value       = aws_acm_certificate_validation.this.certificate_arn
}
