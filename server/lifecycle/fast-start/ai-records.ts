import type { Application } from '@nocobase/server';
import { isEqual } from 'lodash';
import { shapeOf } from './method-patch';

/**
 * When an application has started, NocoBase writes each AI skill and each built-in AI employee of its packages into the
 * database, one transaction each, although nearly always they are there already. Here all are read with one statement;
 * only when one of them differs from what would be written, NocoBase goes its own way.
 *
 * One thing is different afterwards: `updatedAt` of unchanged skills, which NocoBase sets at every start, stays.
 */
export function keepUnchangedAiRecords(app: Application): void {
  const { skillsManager, employeeManager } = (app.aiManager ?? {}) as unknown as {
    skillsManager?: SkillsManager;
    employeeManager?: EmployeeManager;
  };
  if (skillsManager && isAsChecked(skillsManager, 'registerSkillsInDatabase', ['f435338d28fc'])) {
    skipWhen(skillsManager, () => areSkillsStored(skillsManager));
  }
  if (employeeManager && isAsChecked(employeeManager, 'registerEmployeeInDatabase', ['c995af8c0c0e'])) {
    skipWhen(employeeManager, () => areEmployeesStored(employeeManager));
  }
}

type Row = Record<string, unknown>;

interface Table {
  /** `toJSON()` of a row leaves hidden columns out. */
  findAll(): Promise<{ get(): Row }[]>;
}

interface Manager {
  persistence(): Promise<void>;
}

interface SkillsManager extends Manager {
  skills: { getValues(): Iterable<Row> };
  aiSkillsModel?: Table;
}

interface EmployeeManager extends Manager {
  employees: { getValues(): Iterable<Row> };
  aiEmployeesModel?: Table;
}

/** What "unchanged" means is known only for the ways of writing that were read. */
function isAsChecked(manager: Manager, method: string, shapes: string[]): boolean {
  const write: unknown = (manager as unknown as Row)[method];
  return typeof write === 'function' && shapes.includes(shapeOf(write)) && !Object.hasOwn(manager, 'persistence');
}

function skipWhen(manager: Manager, isStored: () => Promise<boolean>): void {
  const write = manager.persistence.bind(manager);
  manager.persistence = async () => {
    if (!(await isStored().catch(() => false))) await write();
  };
}

async function areSkillsStored({ skills, aiSkillsModel }: SkillsManager): Promise<boolean> {
  const rows = await rowsBy('name', aiSkillsModel);
  return [...skills.getValues()].every((skill) => {
    const introduction = skill.introduction as { title?: unknown; about?: unknown } | undefined;
    return isStored(rows.get(skill.name), {
      scope: skill.scope,
      description: skill.description,
      content: skill.content,
      tools: skill.tools,
      title: introduction?.title,
      about: introduction?.about,
      from: skill.from || 'loader',
    });
  });
}

async function areEmployeesStored({ employees, aiEmployeesModel }: EmployeeManager): Promise<boolean> {
  const rows = await rowsBy('username', aiEmployeesModel);
  return [...employees.getValues()].every((employee) => {
    const row = rows.get(employee.username);
    const stored = (row?.skillSettings as { tools?: { name?: unknown }[] } | undefined)?.tools ?? [];
    // Tools that a workflow has given the employee are kept, before its own.
    const given = stored.filter((tool) => typeof tool.name === 'string' && tool.name.startsWith('workflowCaller-'));
    const kept = ['category', 'nickname', 'position', 'avatar', 'bio', 'greeting', 'chatSettings'];
    return isStored(row, {
      ...Object.fromEntries(kept.map((key) => [key, employee[key] ?? row?.[key]])),
      defaultPrompt: employee.systemPrompt,
      skillSettings: {
        skills: (employee.skills as unknown[] | undefined) ?? [],
        tools: [...given, ...((employee.tools as unknown[] | undefined) ?? [])],
      },
      sort: employee.sort,
    });
  });
}

async function rowsBy(key: string, table: Table | undefined): Promise<Map<unknown, Row>> {
  if (!table) throw new Error('there is no such table');
  return new Map((await table.findAll()).map((row) => row.get()).map((row) => [row[key], row]));
}

/** Whether these values are what the row holds; what is undefined would not be written. */
function isStored(row: Row | undefined, values: Row): boolean {
  if (!row) return false;
  const written = JSON.parse(JSON.stringify(values)) as Row;
  return Object.entries(written).every(([key, value]) => isEqual(value, JSON.parse(JSON.stringify(row[key] ?? null))));
}
