/**
 * RunExecutionPolicy: what a run may do and with what resources. Every field has a default; a stored policy is always
 * the normalized form, with every default filled in. Equal policies written differently normalize to equal values.
 */
import * as z from 'zod'

export const RetryPolicy = z.strictObject({
  max_attempts: z.int().min(1).max(20).default(2),
  delay_ms: z.int().min(0).max(86_400_000).default(0),
  backoff_rate: z.number().min(1).max(10).default(1),
  max_delay_ms: z.int().min(0).max(86_400_000).default(3_600_000),
  jitter: z.boolean().default(false),
})
export type RetryPolicy = z.infer<typeof RetryPolicy>

/** `cpu` in millicores, `memory` in MiB, `gpu` a count, `disk` in GiB. What is absent takes the deployment's default. */
export const Resources = z.strictObject({
  cpu: z.int().min(1).optional(),
  memory: z.int().min(1).optional(),
  gpu: z.int().min(0).optional(),
  disk: z.int().min(1).optional(),
})
export type Resources = z.infer<typeof Resources>

export const Policy = z.strictObject({
  host: z.enum(['sandbox']).default('sandbox'),
  security: z.enum(['deny', 'allowlist', 'full']).default('allowlist'),
  ask: z.enum(['off', 'on-miss', 'always']).default('off'),
  runtime_type: z.enum(['gvisor', 'runc']).default('gvisor'),
  workspace_access: z.enum(['none', 'ro', 'rw']).default('rw'),
  network_enabled: z.boolean().default(true),
  interactive: z.boolean().default(false),
  resources: Resources.default({}),
  retry: RetryPolicy.default(() => RetryPolicy.parse({})),
})
/** A normalized policy. */
export type Policy = z.infer<typeof Policy>
/** A policy as a client writes it: every field may be absent. */
export type PolicyInput = z.input<typeof Policy>

export const default_policy: Policy = Policy.parse({})

/**
 * Every field but `retry`, in a fixed order, as the text that the execution class hashes (SPEC: equal policies
 * written differently give the same key).
 */
export const policyFingerprint = (policy: Policy): string => {
  const { resources } = policy
  return JSON.stringify([
    policy.host,
    policy.security,
    policy.ask,
    policy.runtime_type,
    policy.workspace_access,
    policy.network_enabled,
    policy.interactive,
    [resources.cpu ?? null, resources.memory ?? null, resources.gpu ?? 0, resources.disk ?? null],
  ])
}
