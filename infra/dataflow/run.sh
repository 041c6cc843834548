#!/usr/bin/env bash
# Runs `fairshard package` on Dataflow: run.sh IMAGE PACKAGE_OPTIONS…
#   PROJECT, REGION, STAGING  the project, its region, and gs://BUCKET/PREFIX for Beam's own files
# IMAGE is made from infra/flink/Dockerfile. `pip install 'apache-beam[gcp]'` is needed besides.
set -euo pipefail

if [ $# -lt 2 ] || [ -z "${PROJECT:-}" ] || [ -z "${REGION:-}" ] || [ -z "${STAGING:-}" ]; then
    sed -n '2,4s/^# //p' "$0" >&2
    exit 2
fi
image=$1
shift
exec fairshard package "$@" \
    --beam=--runner=DataflowRunner \
    --beam=--project="$PROJECT" \
    --beam=--region="$REGION" \
    --beam=--temp_location="$STAGING/temp" \
    --beam=--staging_location="$STAGING/staging" \
    --beam=--sdk_container_image="$image" \
    --beam=--sdk_location=container
