variable "account_id" {
  description = "ID of the account, for the key's policy."
  type        = string
  default     = "123456789012"
}

variable "region" {
  description = "The bucket's Region."
  type        = string
  default     = "eu-west-1"
}

variable "bucket" {
  description = "Name of the website's bucket."
  type        = string
  default     = "corporate.example.com"
}

variable "zone_id" {
  description = "ID of the website's zone."
  type        = string
  default     = "2e000000000000000000000000000005"
}

variable "hosts" {
  description = "The website's hosts in that zone."
  type        = list(string)
  default     = ["corporate.example.com"]
}

variable "api_token_parameter" {
  description = "SSM SecureString with the API token, encrypted with a customer key."
  type        = string
  default     = "/prod/cloudflare/corporate-token"
}

variable "api_token_kms_key_arn" {
  description = "ARN of the key that encrypts the parameter."
  type        = string
  default     = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
}

variable "cloudflare_api_url" {
  description = "Base URL of Cloudflare's API, or of an outbound proxy."
  type        = string
  default     = "https://api.cloudflare.com/client/v4"
}

variable "vpc" {
  description = <<-EOT
    Subnets and security groups of the function; Cloudflare, SSM and SQS must be reachable. null: no VPC.
  EOT
  type = object({
    subnet_ids         = list(string)
    security_group_ids = list(string)
  })
  default = null
}
