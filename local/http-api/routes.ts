/**
 * Routes of an HTTP API. The most specific route wins: a literal path, then one with path variables, then a greedy one,
 * then `$default`; a named method before `ANY`. Source: Amazon API Gateway developer guide, "Create routes for HTTP APIs".
 */

export interface Route<T> {
  /** `GET /v1/tasks/{task_id}`, `ANY /v1/{proxy+}` or `$default`. */
  readonly key: string
  readonly target: T
}

export interface Match<T> {
  readonly route: Route<T>
  readonly path_parameters: Readonly<Record<string, string>>
}

const variable = /^\{(.+)\}$/
const greedy = /^\{(.+)\+\}$/

const decode = (segment: string): string => {
  try {
    return decodeURIComponent(segment)
  } catch {
    return segment
  }
}

/** The path variables, if the pattern fits. */
const fit = (pattern: readonly string[], path: readonly string[]): Readonly<Record<string, string>> | undefined => {
  const parameters: Record<string, string> = {}
  for (const [at, part] of pattern.entries()) {
    const rest = greedy.exec(part)?.[1]
    if (rest !== undefined) {
      if (path.length <= at) return undefined
      parameters[rest] = path.slice(at).map(decode).join('/')
      return parameters
    }
    const segment = path[at]
    const name = variable.exec(part)?.[1]
    if (segment === undefined || (name === undefined && segment !== part)) return undefined
    if (name !== undefined) parameters[name] = decode(segment)
  }
  return pattern.length === path.length ? parameters : undefined
}

/** Lower is more specific, part by part: literal, variable, greedy. */
const specificity = (pattern: readonly string[]) => pattern.map((part) => (greedy.test(part) ? 2 : variable.test(part) ? 1 : 0)).join('')

const segmentsOf = (path: string): readonly string[] => path.split('/').slice(1)

/** @returns finds the route of a request by method and path (not decoded) */
export const makeRouter = <T>(routes: readonly Route<T>[]): ((method: string, path: string) => Match<T> | undefined) => {
  const fallback = routes.find((route) => route.key === '$default')
  const patterns = routes
    .filter((route) => route.key !== '$default')
    .map((route) => {
      const [method = '', path = ''] = route.key.split(' ')
      const segments = segmentsOf(path)
      return { route, method, segments, rank: `${specificity(segments)}${method === 'ANY' ? 1 : 0}` }
    })
    .toSorted((a, b) => a.rank.localeCompare(b.rank))
  return (method, path) => {
    const segments = segmentsOf(path)
    for (const pattern of patterns) {
      if (pattern.method !== 'ANY' && pattern.method !== method) continue
      const path_parameters = fit(pattern.segments, segments)
      if (path_parameters !== undefined) return { route: pattern.route, path_parameters }
    }
    return fallback === undefined ? undefined : { route: fallback, path_parameters: {} }
  }
}
