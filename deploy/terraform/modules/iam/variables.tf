variable "name" {
  description = "Prefix of all names."
  type        = string
}

variable "services" {
  description = "Those that get a role, as deploy/iam/policies.json names them."
  type        = list(string)
  default     = ["gateway", "auth", "inference", "job-worker", "migrate"]

  validation {
    condition     = alltrue([for it in var.services : contains(["gateway", "auth", "inference", "job-worker", "migrate", "platform"], it)])
    error_message = "services must be gateway, auth, inference, job-worker, migrate or platform."
  }
}

variable "bedrock_regions" {
  description = "Regions that models are called in, those of inference profiles included."
  type        = list(string)
}

variable "models" {
  description = "Foundation models that may be called: ids, with * for any part."
  type        = list(string)
}

variable "profiles" {
  description = "Inference profiles that may be called: ids, with * for any part."
  type        = list(string)
}

variable "guardrail_arns" {
  description = "Guardrails that policies and routes name."
  type        = list(string)
}

variable "account_role_arns" {
  description = "Roles in other accounts that models are called with (models.accounts)."
  type        = list(string)
}

variable "media_arns" {
  description = "Objects that clients may name (media.s3_allow), as ARNs."
  type        = list(string)
}

variable "usage_export_url" {
  description = "Where usage is written besides (usage.export_url, s3://bucket/prefix); nowhere if empty."
  type        = string
}

variable "bedrock_batch" {
  description = "Whether Bedrock's batch inference is used (ways.batch_role)."
  type        = bool
}

variable "queue_arn" {
  description = "The jobs' queue."
  type        = string
}

variable "dead_queue_arn" {
  description = "The dead-letter queue."
  type        = string
}

variable "bucket_arn" {
  description = "The bucket of files."
  type        = string
}

variable "bucket_prefix" {
  description = "Prefix of all objects in it, with a slash at its end."
  type        = string
  default     = "files/"
}

variable "kms_key_arn" {
  description = "Key of secrets, queue and files."
  type        = string
}

variable "secret_arns" {
  description = "ARNs of the secrets, by the names in deploy/iam/policies.json."
  type        = map(string)
}

variable "answers_url_secret_arn" {
  description = "Secret with response_cache.url, where inference reads it itself; empty elsewhere."
  type        = string
}

variable "more_secret_arns" {
  description = "Further secrets that a service reads itself, by service."
  type        = map(list(string))
}

variable "collector" {
  description = "Whether an OpenTelemetry collector runs beside each service."
  type        = bool
}

variable "trust_ecs" {
  description = "Whether tasks of ECS take the roles."
  type        = bool
}

variable "eks_cluster_name" {
  description = "EKS cluster whose pods get the roles by Pod Identity; none if empty."
  type        = string
}

variable "eks_oidc_provider_arn" {
  description = "OIDC provider of an EKS cluster whose service accounts get the roles (IRSA); none if empty."
  type        = string
}

variable "eks_namespace" {
  description = "Namespace of the Helm release."
  type        = string
}

variable "eks_service_account_prefix" {
  description = "What names of the chart's service accounts begin with."
  type        = string
}
