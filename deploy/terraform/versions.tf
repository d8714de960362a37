terraform {
  required_version = ">= 1.11, < 2.0"

  # Where the state lies, environments/<environment>.s3.tfbackend says. S3 locks it with a file beside it.
  backend "s3" {}

  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = "~> 6.25"
    }
    random = {
      source  = "hashicorp/random"
      version = "~> 3.7"
    }
  }
}

provider "aws" {
  region = var.region

  # Whoever is logged in to another environment's account is stopped here.
  allowed_account_ids = [var.account_id]

  default_tags {
    tags = merge({ application = "outcrop", environment = local.name, "managed-by" = "terraform" }, var.tags)
  }
}
