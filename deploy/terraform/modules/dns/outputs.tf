output "public_url" {
  description = "For server.public_url."
  value       = "https://${var.domain_name}"
}
