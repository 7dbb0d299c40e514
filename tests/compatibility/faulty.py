"""What the checks of the provider's names must refuse, each with what they say."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fault:
    version: str
    said: str
    text: str


FAULTS = [
    Fault("6", "aws_region.name: this argument is deprecated", 'data "aws_region" "x" {\n  name = "eu-west-1"\n}'),
    Fault("6", "aws_region.name: this attribute is deprecated", "locals {\n  x = data.aws_region.x.name\n}"),
    Fault("5", "aws_region.region: there is no such attribute", "locals {\n  x = data.aws_region.x.region\n}"),
    Fault("5.80", "aws_region.region: there is no such argument", 'data "aws_region" "x" {\n  region = "eu-west-1"\n}'),
    Fault("6", "there is no such argument", 'resource "aws_instance" "x" {\n  cpu_core_count = 2\n}'),
    Fault("5", "cpu_core_count: this argument is deprecated", 'resource "aws_instance" "x" {\n  cpu_core_count = 2\n}'),
    Fault("6", "there is no such resource", 'resource "aws_worklink_fleet" "x" {\n  name = "x"\n}'),
    Fault("5", "inline_policy: this block is deprecated", 'resource "aws_iam_role" "x" {\n  inline_policy {}\n}'),
    Fault(
        "6",
        "website: this block is deprecated",
        'resource "aws_s3_bucket" "x" {\n  website {\n    index_document = "i"\n  }\n}',
    ),
    *(
        fault
        for version in ("5.80", "5", "6")
        for fault in (
            Fault(version, "there is no such resource", 'resource "aws_sqs_queues" "x" {}'),
            Fault(version, "there is no such data", 'data "aws_partitions" "x" {}'),
            Fault(version, "there is no such argument", 'resource "aws_sqs_queue" "x" {\n  nam = "x"\n}'),
            Fault(version, "there is no such argument", 'resource "aws_sqs_queue" "x" {\n  arn = "x"\n}'),
            Fault(version, "there is no such attribute", "locals {\n  x = aws_sqs_queue.x[0].arm\n}"),
            Fault(version, "there is no such block", 'resource "aws_lambda_function" "x" {\n  vpc_configs {}\n}'),
            Fault(
                version,
                "vpc_config.subnets: there is no such argument",
                'resource "aws_lambda_function" "x" {\n  vpc_config {\n    subnets = []\n  }\n}',
            ),
            Fault(
                version,
                "queue.prefix: there is no such argument",
                'resource "aws_s3_bucket_notification" "x" {\n  dynamic "queue" {\n    for_each = []\n'
                "    content {\n      prefix = 1\n    }\n  }\n}",
            ),
            Fault(version, "there is no such argument", 'provider "aws" {\n  regions = "x"\n}'),
        )
    ),
]
