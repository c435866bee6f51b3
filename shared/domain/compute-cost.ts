/** What a sandbox costs: the size sold for what was asked, for the time from claim to end. */
import { fargate_arm64_usd_per_gb_hour, fargate_arm64_usd_per_vcpu_hour } from './prices.ts'
import { roundUpSize } from './sizes.ts'
import { hour_ms, millis, second_ms } from './time.ts'
import { no_usage, type Usage } from './usage.ts'
import type { Resources } from './policy.ts'

/** Compute seconds and cost of an attempt. One that was never claimed used none. @param started_at its claim */
export const computeUsage = (started_at: string | undefined, ended_ms: number, resources: Resources): Usage => {
  if (started_at === undefined) return no_usage
  const lived_ms = Math.max(0, ended_ms - millis(started_at))
  const size = roundUpSize(resources, [])
  const usd_per_hour = size.ok
    ? (size.value.cpu_units / 1024) * fargate_arm64_usd_per_vcpu_hour + (size.value.memory_mib / 1024) * fargate_arm64_usd_per_gb_hour
    : 0
  return { ...no_usage, compute_seconds: lived_ms / second_ms, compute_usd: (lived_ms / hour_ms) * usd_per_hour }
}
