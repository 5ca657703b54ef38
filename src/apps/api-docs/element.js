/** An element with properties and children; text is always text, never markup. */
export function element(name, properties = {}, children = []) {
  const made = document.createElement(name);
  const { role, ...others } = properties;
  if (role !== undefined) made.setAttribute('role', role);
  made.append(...children);
  // After the children: the value of a select is one of its options, that of a textarea replaces its text.
  Object.assign(made, others);
  return made;
}
