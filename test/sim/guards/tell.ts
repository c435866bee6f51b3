/** Runs stories one after the other, and ends the process with 1 and a line of JSON at the first that throws. */
export const tell = async (stories: readonly (readonly [name: string, story: () => Promise<void>])[]): Promise<void> => {
  for (const [name, story] of stories) {
    try {
      await story()
    } catch (cause) {
      console.log(JSON.stringify({ story: name, what: cause instanceof Error ? cause.message : String(cause) }))
      process.exitCode = 1
      return
    }
  }
  console.log(JSON.stringify({ stories: stories.length }))
}
