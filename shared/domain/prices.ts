/** Prices in US dollars, us-east-1, November 2026. */
export const fargate_arm64_usd_per_vcpu_hour = 0.03238
export const fargate_arm64_usd_per_gb_hour = 0.00356
