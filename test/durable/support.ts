/** Asks again until the answer is as wanted; fails with the last answer after the deadline. */
export async function poll<Answer>(
  ask: () => Promise<Answer>,
  isWanted: (answer: Answer) => boolean,
  deadlineMs = 10_000,
): Promise<Answer> {
  const end = Date.now() + deadlineMs;
  for (;;) {
    const answer = await ask();
    if (isWanted(answer)) return answer;
    if (Date.now() > end) throw new Error(`Not as wanted after ${deadlineMs} ms: ${JSON.stringify(answer)}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
