/** The sizes that Fargate sells: memory in MiB by cpu in millicores (AWS documentation, "Task CPU and memory", 2026). */

const steps = (first: number, last: number, step: number): number[] =>
  Array.from({ length: (last - first) / step + 1 }, (_, index) => (first + index * step) * 1024)

export const fargate_sizes: readonly { readonly cpu: number; readonly memory: readonly number[] }[] = [
  { cpu: 250, memory: [512, 1024, 2048] },
  { cpu: 500, memory: steps(1, 4, 1) },
  { cpu: 1_000, memory: steps(2, 8, 1) },
  { cpu: 2_000, memory: steps(4, 16, 1) },
  { cpu: 4_000, memory: steps(8, 30, 1) },
  { cpu: 8_000, memory: steps(16, 60, 4) },
  { cpu: 16_000, memory: steps(32, 120, 8) },
]
