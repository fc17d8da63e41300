import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import type { LanguageModelV4, LanguageModelV4Prompt, LanguageModelV4StreamPart } from '@ai-sdk/provider'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createTravelAgent } from '../examples/travel/agent.ts'
import { chooseModel, loadModel } from '../examples/travel/choose-model.ts'
import type { ChatMessage } from '../examples/travel/model/chat.ts'
import { decide } from '../examples/travel/model/decide.ts'
import { parseTrip } from '../examples/travel/model/parse-trip.ts'
import { type ModelServer, startModelServer } from '../examples/travel/model-server.ts'
import { bookFlight } from '../examples/travel/tools/book-flight.ts'
import { withBookings } from '../examples/travel/tools/bookings.ts'
import { findAirports, loadSchedule, searchSchedule } from '../examples/travel/tools/schedule.ts'

const examples = join(import.meta.dirname, '..', 'examples')
const dataDir = join(examples, 'travel', 'data')
const schedule = loadSchedule(dataDir)
const MONDAY = '2027-05-03'
const ASK = 'Book the cheapest flight from London Heathrow to Tokyo Narita on 3 May, at most 700 EUR, for Ada Lovelace.'

let dir: string
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'holdfast-examples-'))
})
afterEach(() => rm(dir, { recursive: true, force: true }))

describe('the schedule', () => {
  it('is whole: known airports, times, prices, flight numbers that are there once', () => {
    const codes = new Set(schedule.airports.map(({ code }) => code))
    expect(codes.size).toBeGreaterThanOrEqual(20)
    expect(schedule.flights.length).toBeGreaterThanOrEqual(200)
    expect(new Set(schedule.flights.map(({ flight }) => flight)).size).toBe(schedule.flights.length)
    for (const { from, to, departs, arrives, price, minutes, days, seats } of schedule.flights) {
      expect([codes.has(from), codes.has(to), from !== to]).toEqual([true, true, true])
      expect(`${departs} ${arrives}`).toMatch(/^([01]\d|2[0-3]):[0-5]\d ([01]\d|2[0-3]):[0-5]\d$/)
      expect(days).toMatch(/^1?2?3?4?5?6?7?$/)
      expect(Math.min(price, minutes, seats + 1)).toBeGreaterThan(0)
    }
  })

  it('is searched by day, seats and price, the cheapest first', () => {
    const found = searchSchedule(schedule, { from: 'LHR', to: 'NRT', date: MONDAY })
    expect(found.map(({ flight, price }) => [flight, price])).toEqual([
      ['MD103', 545],
      ['KS102', 609],
    ])
    expect(searchSchedule(schedule, { from: 'LHR', to: 'NRT', date: MONDAY, maxPrice: 600 })).toHaveLength(1)
    expect(searchSchedule(schedule, { from: 'LHR', to: 'NRT', date: '2027-05-08' })).toEqual([])
    const byTime = searchSchedule(schedule, { from: 'LHR', to: 'JFK', date: MONDAY, sort: 'departure' })
    expect(byTime.map(({ departs }) => departs)).toEqual(byTime.map(({ departs }) => departs).toSorted())
  })

  it('says what is wrong with a query', () => {
    expect(() => searchSchedule(schedule, { from: 'XXX', to: 'NRT', date: MONDAY })).toThrow('There is no airport XXX')
    expect(() => searchSchedule(schedule, { from: 'LHR', to: 'NRT', date: '2026-01-01' })).toThrow('2027-03-28')
  })

  it('finds airports by any of their words', () => {
    const codes = (query: string) => findAirports(schedule, query).map(({ code }) => code)
    expect(codes('tokyo')).toEqual(['NRT', 'HND'])
    expect(codes('London Heathrow')).toEqual(['LHR'])
    expect(codes('LHR')).toEqual(['LHR'])
    expect(codes('Atlantis')).toEqual([])
  })
})

describe('the booking system', () => {
  const offer = { flight: 'MD103', date: MONDAY, passenger: 'Ada Lovelace', price: 545 }
  const context = {
    runId: 'r',
    stepId: '3/tool/0/bookFlight',
    execution: 1,
    attempt: 1,
    idempotencyKey: 'r:3',
    signal: new AbortController().signal,
    context: null,
    progress: () => {},
  }

  it('hides no second execution, and reconciles by key', async () => {
    const bookingsPath = join(dir, 'bookings.db')
    const { execute, reconcile } = bookFlight({ schedule, bookingsPath })
    expect(await reconcile?.(offer, context)).toEqual({ status: 'not-done' })
    const booked = await execute?.(offer, context)
    expect(await reconcile?.(offer, context)).toEqual({ status: 'done', output: booked })
    await execute?.(offer, context)
    const counts = await withBookings(bookingsPath, (system) => [system.bookings().length, system.attempts()])
    expect(counts).toEqual([2, 2])
  })

  it('refuses a price that is not that of the flight', async () => {
    const { execute } = bookFlight({ schedule, bookingsPath: join(dir, 'bookings.db') })
    await expect(execute?.({ ...offer, price: 100 }, context)).rejects.toThrow('The price of MD103 is 545, not 100')
  })
})

describe('the model by rules', () => {
  const system: ChatMessage = { role: 'system', content: 'Dates without a year are in 2027.' }
  const user = (content: string): ChatMessage => ({ role: 'user', content })
  const tool = (id: string, name: string, input: object, result: object | string): ChatMessage[] => [
    {
      role: 'assistant',
      content: null,
      tool_calls: [{ id, type: 'function', function: { name, arguments: JSON.stringify(input) } }],
    },
    { role: 'tool', tool_call_id: id, content: typeof result === 'string' ? result : JSON.stringify(result) },
  ]
  const places = [
    ...tool('a', 'listAirports', { query: 'London Heathrow' }, { airports: [{ code: 'LHR' }] }),
    ...tool('b', 'listAirports', { query: 'Tokyo Narita' }, { airports: [{ code: 'NRT' }] }),
  ]
  const query = { from: 'LHR', to: 'NRT', date: MONDAY, maxPrice: 700 }
  const flights = searchSchedule(schedule, query)
  const searched = [
    system,
    user(ASK),
    ...places,
    ...tool('c', 'searchFlights', query, { found: flights.length, flights }),
    ...tool(
      'd',
      'checkWeather',
      { airport: 'NRT', date: MONDAY },
      { airport: 'NRT', low: 15, high: 24, pack: 'light clothes' },
    ),
  ]
  const booking = { flight: 'MD103', date: MONDAY, passenger: 'Ada Lovelace', price: 545 }

  it('reads what the user wants', () => {
    const wanted = {
      from: 'London Heathrow',
      to: 'Tokyo Narita',
      date: MONDAY,
      maxPrice: 700,
      passenger: 'Ada Lovelace',
      book: true,
    }
    expect(parseTrip([system, user(ASK)])).toEqual(wanted)
    expect(parseTrip([user('Fly me from LHR to NRT on 2027-05-03')])).toEqual({
      from: 'LHR',
      to: 'NRT',
      date: MONDAY,
      book: true,
    })
    expect(parseTrip([system, user('The fastest from Paris to Rome on May 4th?')])).toMatchObject({
      date: '2027-05-04',
      sort: 'duration',
    })
    expect(parseTrip([user('I want to book a flight from Paris to Rome'), user('On 4 May 2027')])).toMatchObject({
      to: 'Rome',
      date: '2027-05-04',
    })
  })

  it('asks for what it was not told', () => {
    expect(decide([user('Book me something nice.')])).toMatchObject({
      calls: [],
      text: expect.stringContaining('from'),
    })
    expect(decide([user('Fly me from Paris to Rome.')])).toMatchObject({
      calls: [],
      text: expect.stringContaining('which day'),
    })
  })

  it('looks both airports up at once, then searches and checks the weather at once', () => {
    expect(decide([system, user(ASK)]).calls.map(({ name }) => name)).toEqual(['listAirports', 'listAirports'])
    expect(decide([system, user(ASK), ...places]).calls).toEqual([
      { name: 'searchFlights', input: query },
      { name: 'checkWeather', input: { airport: 'NRT', date: MONDAY } },
    ])
  })

  it('books the cheapest that was found, and tells the reference', () => {
    expect(decide(searched).calls).toEqual([{ name: 'bookFlight', input: booking }])
    const reply = decide([...searched, ...tool('e', 'bookFlight', booking, { ...booking, reference: 'HF-000001' })])
    expect(reply.calls).toEqual([])
    expect(reply.text).toContain('HF-000001')
    expect(reply.text).toContain('15 to 24 °C')
  })

  it('takes the next one only where the first is sold out', () => {
    const soldOut = tool('e', 'bookFlight', booking, 'MD103 is sold out on 2027-05-03.')
    expect(decide([...searched, ...soldOut]).calls).toMatchObject([{ name: 'bookFlight', input: { flight: 'KS102' } }])
    for (const said of ['Too dear for me', 'step 3/tool/0/bookFlight had started when its process ended']) {
      const reply = decide([...searched, ...tool('e', 'bookFlight', booking, said)])
      expect(reply).toMatchObject({ calls: [], text: expect.stringContaining(said) })
    }
  })

  it('does not book again what is booked, whatever the user says next', () => {
    const done = tool('e', 'bookFlight', booking, { ...booking, reference: 'HF-000001' })
    expect(decide([...searched, ...done, user('Thanks! Is it booked now?')])).toMatchObject({ calls: [] })
  })

  it('tells what there is where nothing fits, and does not book it', async () => {
    const { result } = await askAgent('Book a flight from London Heathrow to Tokyo on 3 May for at most 400 EUR')
    expect(result.status).toBe('completed')
    expect(result.text).toContain('The cheapest is KS108')
    expect(result.text).toContain('not booked')
  })

  it('gives up on places and days that are not there', async () => {
    expect((await askAgent('Fly me from Atlantis to Rome on 3 May')).result.text).toContain('Atlantis')
    expect((await askAgent('Fly me from Paris to Rome on 3 January 2026')).result.text).toContain('did not work')
  })

  it('runs the whole trip, with an approval in it', async () => {
    const { agent, result } = await askAgent(ASK)
    expect(result.status).toBe('waiting')
    expect(result.waits).toMatchObject([{ id: '3/tool/0/bookFlight/approval', input: { type: 'approval' } }])
    const refused = await agent.resume(result.state, {
      '3/tool/0/bookFlight/approval': { approved: false, reason: 'Too dear' },
    })
    expect(refused).toMatchObject({ status: 'completed', turns: 4, text: expect.stringContaining('Too dear') })
    const booked = await agent.resume(result.state, { '3/tool/0/bookFlight/approval': { approved: true } })
    expect(booked.text).toContain('HF-000001')
    expect(await withBookings(join(dir, 'bookings.db'), (all) => all.bookings())).toMatchObject([
      { flight: 'MD103', price: 545 },
    ])
  })
})

describe('the model server', () => {
  const prompt: LanguageModelV4Prompt = [
    { role: 'system', content: 'Dates without a year are in 2027.' },
    { role: 'user', content: [{ type: 'text', text: ASK }] },
  ]

  it('streams text, then calls with ids by their place, then the usage', async () => {
    const [first, second] = await withServer(async (model) => [
      await streamAll(model, prompt),
      await streamAll(model, prompt),
    ])
    expect(second).toEqual(first)
    const text = first?.map((part) => (part.type === 'text-delta' ? part.delta : '')).join('')
    expect(text).toBe('Let me look up the airports.')
    const calls = first?.filter((part) => part.type === 'tool-call')
    expect(calls?.map(({ toolCallId, input }) => [toolCallId, JSON.parse(input)])).toEqual([
      ['call_2_0', { query: 'London Heathrow' }],
      ['call_2_1', { query: 'Tokyo Narita' }],
    ])
    expect(first?.at(-1)).toMatchObject({
      type: 'finish',
      finishReason: { unified: 'tool-calls' },
      usage: { inputTokens: { total: expect.any(Number) } },
    })
  })

  it('says the same when it is asked for the whole at once', async () => {
    const { content, finishReason } = await withServer(async (model) => model.doGenerate({ prompt }))
    expect(finishReason.unified).toBe('tool-calls')
    expect(content.map(({ type }) => type)).toEqual(['text', 'tool-call', 'tool-call'])
  })

  it('refuses what it does not understand', async () => {
    await withServer(async (_, server) => {
      const post = (path: string, body: string) => fetch(`${server.url}${path}`, { method: 'POST', body })
      expect((await post('/chat/completions', 'no JSON')).status).toBe(400)
      expect((await post('/chat/completions', '{}')).status).toBe(400)
      const unknown = await post('/embeddings', '{}')
      expect([unknown.status, await unknown.json()]).toMatchObject([
        404,
        { error: { message: expect.stringContaining('/v1/embeddings') } },
      ])
      expect(server.requests).toBe(3)
    })
  })
})

describe('the choice of a model', () => {
  it('says what to install', async () => {
    await expect(loadModel('nobody-has-this:model-1')).rejects.toThrow('npm i @ai-sdk/nobody-has-this')
    await expect(loadModel('gpt-5')).rejects.toThrow('is not provider:model')
    await expect(loadModel('../evil:x')).rejects.toThrow('is not provider:model')
    await expect(chooseModel(undefined, undefined)).rejects.toThrow('HOLDFAST_MODEL')
  })
})

describe('quick start', () => {
  it('runs the tool once; the second run gives the recorded result', async () => {
    const start = async () => {
      const args = ['--conditions=holdfast-source', join(examples, 'quick-start', 'quick-start.ts')]
      const env = { ...process.env, HOLDFAST_MODEL: '' }
      return (await promisify(execFile)(process.execPath, args, { cwd: dir, env })).stdout
    }
    expect(await start()).toBe('(the thermometer in Paris is read)\nIt is 21 °C in Paris.\n')
    expect(await start()).toBe('It is 21 °C in Paris.\n')
  })
})

async function withServer<T>(use: (model: LanguageModelV4, server: ModelServer) => Promise<T>): Promise<T> {
  const server = await startModelServer()
  try {
    return await use((await chooseModel(undefined, server.url)) as LanguageModelV4, server)
  } finally {
    await server.close()
  }
}

/** The model is asked over the network until it waits or ends; it lives on for a `resume`. */
async function askAgent(ask: string) {
  const server = await startModelServer()
  servers.push(server)
  const model = await chooseModel(undefined, server.url)
  const agent = createTravelAgent({ model, dataDir, bookingsPath: join(dir, 'bookings.db') })
  return { agent, result: await agent.run(ask) }
}
const servers: ModelServer[] = []
afterEach(async () => {
  await Promise.all(servers.splice(0).map((server) => server.close()))
})

async function streamAll(model: LanguageModelV4, prompt: LanguageModelV4Prompt): Promise<LanguageModelV4StreamPart[]> {
  const { stream } = await model.doStream({ prompt })
  const parts: LanguageModelV4StreamPart[] = []
  for await (const part of stream as unknown as AsyncIterable<LanguageModelV4StreamPart>) parts.push(part)
  return parts
}
